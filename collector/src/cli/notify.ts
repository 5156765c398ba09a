/** `rollcall-collector notify test`: one message to one receiver, by the way that alerts take. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { createSmtp } from '../alerting/notify/email/smtp.ts';
import { createReceivers } from '../alerting/notify/list.ts';
import type { Notification } from '../alerting/notify/notifier.ts';
import { createPost } from '../alerting/notify/post.ts';
import { createTargetGuard } from '../alerting/notify/target.ts';
import { externalUrl } from '../config/derive.ts';
import type { Config } from '../config/options.ts';

/**
 * Sends a test message and says how it went. Nothing is stored and nothing is tried again.
 * @throws AppError BAD_CONFIG when there is no such receiver, NOTIFY_FAILED when it did not take the message
 */
export async function testReceiver(config: Config, name: string, clock: Clock): Promise<string> {
  const guard = createTargetGuard({
    allowedRanges: config['allow-private-targets'],
    allowedPorts: config['allow-target-ports'],
  });
  const ports = {
    post: createPost({ clock, guard }),
    mail: createSmtp({ clock, guard }),
    clock,
    externalUrl: externalUrl(config),
  };
  const receivers = createReceivers(config.receivers, ports);
  const receiver = receivers.find((one) => one.name === name);
  if (receiver === undefined) {
    const known = receivers.map((one) => one.name).join(', ');
    throw new AppError(
      'BAD_CONFIG',
      `no receiver "${name}" is configured, there are: ${known === '' ? 'none' : known}`,
    );
  }
  const startedMs = clock.monoMs();
  const result = await receiver.notifier.send(
    testNotification(name, clock.wallMs()),
    new AbortController().signal,
  );
  const tookMs = Math.round(clock.monoMs() - startedMs);
  if (result.kind === 'delivered') return `${name} took the test message (${result.status}, ${tookMs} ms)\n`;
  const excerpt = result.excerpt === null ? '' : `: ${result.excerpt}`;
  throw new AppError('NOTIFY_FAILED', `${name} did not take the test message: ${result.error}${excerpt}`);
}

function testNotification(receiver: string, nowMs: number): Notification {
  return {
    // Not an ULID of the outbox, and different each time: a test must not be taken for a repeat.
    transitionId: `test-${nowMs}`,
    incidentId: `i-test-${nowMs}`,
    sequence: 1,
    kind: 'fired',
    receiver,
    snapshot: {
      rule: 'TestMessage',
      kind: 'uptime',
      severity: 'info',
      hostId: null,
      hostName: null,
      title: 'Test message of Rollcall',
      description: 'Somebody has sent this to see whether notifications arrive. Nothing is wrong.',
      labels: { alertname: 'TestMessage', severity: 'info' },
      value: null,
      threshold: null,
      openedMs: nowMs,
      resolvedMs: null,
      endReason: null,
    },
  };
}
