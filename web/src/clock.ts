/**
 * Time as the page sees it. The only file of the page that reads the clock or sets a timer; the collector's own clock
 * port stays out because it needs Node.
 */
export interface PageClock {
  /** Wall clock of the browser, UTC milliseconds. It may differ from the collector's; see `Page.nowMs`. */
  nowMs(): number;
  /** Calls `callback` once, not before `delayMs` have passed; the result cancels it, any number of times. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The clock of the browser. */
export const browserClock: PageClock = {
  nowMs: () => Date.now(),
  after(delayMs, callback) {
    const handle = window.setTimeout(callback, delayMs);
    return () => window.clearTimeout(handle);
  },
};
