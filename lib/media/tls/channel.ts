import type { TLSSocket } from 'node:tls';
import type { HoldfastError } from '../../errors.ts';
import type { ChannelUser, Peer, PeerIdentity } from '../medium.ts';
import { SocketChannel } from '../socket-channel.ts';
import { explainTlsError, refusalIn, tlsFault } from './faults.ts';

/** A channel over a TLS connection whose handshake is over. */
export class TlsChannel extends SocketChannel {
  /**
   * TLS puts bytes of its own behind ours (alerts, new keys), and an error that comes later can be
   * about those when ours are with the peer already. An error in the very turn of the write proves
   * that the system took nothing of it.
   */
  override write(parts: readonly Uint8Array[], taken: (possibly: boolean) => void): void {
    let isSameTurn = true;
    super.write(parts, (possibly) => taken(possibly || !isSameTurn));
    process.nextTick(() => {
      isSameTurn = false;
    });
  }
}

/**
 * The dialled end. With TLS 1.3 a client's handshake is over before the server has seen its
 * certificate, so that a refusal comes where the first bytes are awaited.
 */
export class DialledTlsChannel extends TlsChannel {
  readonly #address: string;

  constructor(socket: TLSSocket, peer: Peer, address: string) {
    super(socket, peer);
    this.#address = address;
  }

  override start(user: ChannelUser): void {
    const address = this.#address;
    let isFirst = true;
    let refusal: HoldfastError | undefined;
    super.start({
      onBytes: (chunk) => {
        const why = isFirst ? refusalIn(chunk) : undefined;
        isFirst = false;
        if (why === undefined) {
          user.onBytes(chunk);
          return;
        }
        refusal = tlsFault(address, why);
        this.destroy();
      },
      onClosed: (cause) => {
        user.onClosed(refusal ?? (cause && explainTlsError(cause, address)));
      },
    });
  }
}

/** The certificate of the far end, which was verified; undefined when it has none. */
export function identityOf(socket: TLSSocket): PeerIdentity | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const { subject, subjectAltName = '', fingerprint256 } = certificate;
  return { kind: 'certificate', subject, subjectAltName, fingerprint256 };
}
