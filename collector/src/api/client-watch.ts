/** Whether somebody still waits for an answer. */
import type { ServerResponse } from 'node:http';

/** Watches a client until it is disposed of. */
export interface ClientWatch extends Disposable {
  /** Aborted when the client leaves before its answer is out. */
  readonly signal: AbortSignal;
}

/** Watches whether the client leaves, also while its answer waits behind another one on the connection. */
export function watchClient(response: ServerResponse): ClientWatch {
  const left = new AbortController();
  const { socket } = response.req;
  const onClose = (): void => {
    // An answer that is out needs no end, and making the error that an abort carries takes its time.
    if (!response.writableFinished) left.abort();
  };
  response.once('close', onClose);
  // An answer that has not had its turn is not closed with its connection.
  socket.once('close', onClose);
  return {
    signal: left.signal,
    [Symbol.dispose]() {
      response.off('close', onClose);
      socket.off('close', onClose);
    },
  };
}
