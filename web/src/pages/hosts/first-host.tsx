import { useState } from 'preact/hooks';
import { usePage } from '../../page.ts';

/** How long a button says that it has copied. */
const COPIED_MS = 2_000;

/** What a new installation shows instead of an empty table: the two commands that add the first machine. */
export function FirstHost() {
  return (
    <div class="first-host">
      <h2>Add your first machine</h2>
      <p>Rollcall is running and waiting. Two commands, and the machine appears here by itself.</p>
      <ol>
        <li>
          <h3>On this collector, make a token</h3>
          <Command text="rollcall-collector token create" />
        </li>
        <li>
          <h3>On the machine to watch, enrol the agent with it</h3>
          <Command text={`rollcall-agent enroll --url ${location.origin} --token TOKEN`} />
        </li>
      </ol>
      <p class="muted">
        The agent opens no port and takes no commands: it reports to this address over one outgoing
        connection.
        <br />
        <code>rollcall-agent show</code> prints exactly what it sends.
      </p>
    </div>
  );
}

function Command({ text }: { readonly text: string }) {
  const { clock, announce } = usePage();
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(
      () => {
        setCopied(true);
        announce('Copied.');
        clock.after(COPIED_MS, () => setCopied(false));
      },
      // The browser said no; the text is on the screen to be copied by hand.
      () => announce('The browser does not allow copying.'),
    );
  };
  return (
    <div class="command">
      <code>{text}</code>
      {window.isSecureContext ? (
        <button type="button" class="button" onClick={copy} aria-label={`Copy: ${text}`}>
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      ) : null}
    </div>
  );
}
