/** What ties a signature to the TLS session it was made in. */
import { TLSSocket } from 'node:tls';

const BINDING_BYTES = 32;
const EMPTY = Buffer.alloc(0);

/**
 * 32 bytes that both ends of a TLS 1.3 session share and nobody between them knows (RFC 9266, `tls-exporter`); empty
 * when the socket is not TLS 1.3 itself, for example behind a proxy.
 */
export function channelBindingOf(socket: unknown): Buffer {
  if (!(socket instanceof TLSSocket) || socket.getProtocol() !== 'TLSv1.3') return EMPTY;
  return socket.exportKeyingMaterial(BINDING_BYTES, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}
