/** The mark, five counted with tally strokes as at a roll call, and the name. The name is the text alternative. */
export function Logo() {
  return (
    <span class="logo">
      <svg class="logo-mark" viewBox="0 0 26 22" width="26" height="22" aria-hidden="true" focusable="false">
        <path class="logo-strokes" d="M5 3v16M10.3 3v16M15.6 3v16M20.9 3v16" />
        <path class="logo-slash" d="M1.6 16.8 24.4 5.2" />
      </svg>
      <span class="logo-name">rollcall</span>
    </span>
  );
}
