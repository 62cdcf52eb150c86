import { codeOf, HoldfastError, messageOf } from '../../errors.ts';

/** The one protocol that both sides must agree to (ALPN). */
export const alpnProtocol = 'holdfast/1';

/** What a listener says to a client that it does not let in, before it ends the connection. */
const refusalPrefix = 'holdfast refuses this TLS connection: ';

const unknownAuthority =
  'its certificate comes from an authority that is not known here: give the authority\'s certificate as "ca"';

/** What is wrong with the server's certificate, by OpenSSL's words for it. */
const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: it must be renewed there',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks of both machines',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is self-signed: if it is the right one, give it as "ca"',
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
};

const notTls =
  'what listens there does not speak TLS: use tcp: for a server without it, or check the port';
const noCommonVersion = 'it speaks no version of TLS that is accepted here (1.2 or 1.3)';

/** Failures of the handshake that come again each time. */
const handshakeFaults: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: noCommonVersion,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: noCommonVersion,
};

const refusedCertificate = 'it refuses our client certificate';

/** Alerts of the server's that come again each time. */
const alerts: Readonly<Record<string, string>> = {
  PROTOCOL_VERSION: noCommonVersion,
  NO_APPLICATION_PROTOCOL: `it speaks TLS, but not ${alpnProtocol}: another kind of server listens there`,
  HANDSHAKE_FAILURE: 'it accepts none of our ciphers, or wants a client certificate',
  UNRECOGNIZED_NAME: 'it does not know the name that was asked for: check "servername"',
  CERTIFICATE_REQUIRED: 'it wants a client certificate: give "cert" and "key"',
  BAD_CERTIFICATE: refusedCertificate,
  UNSUPPORTED_CERTIFICATE: refusedCertificate,
  CERTIFICATE_REVOKED: `${refusedCertificate}, which is revoked`,
  CERTIFICATE_EXPIRED: `${refusedCertificate}, which has expired`,
  CERTIFICATE_UNKNOWN: refusedCertificate,
  UNKNOWN_CA: `${refusedCertificate}: it does not know the authority`,
  ACCESS_DENIED: refusedCertificate,
};

/** Node's code for an alert; the middle part depends on the version of OpenSSL. */
const alertPattern = /^ERR_SSL_(?:SSLV3|SSL\/TLS|TLSV1|TLSV13)_(?:ALERT_)?([A-Z_]+)$/;

/**
 * What an error of a dialled TLS socket means: a final `ERR_HOLDFAST_DIAL` where dialling again
 * cannot help, otherwise the error itself.
 *
 * @param hasUnverified whether it is about the server's certificate
 */
export function explainTlsError(error: Error, address: string, hasUnverified = false): Error {
  const code = codeOf(error);
  const alert = alertPattern.exec(code)?.[1];
  const why = hasUnverified
    ? (certificateFaults[code] ?? otherCertificateFault(code, error))
    : (handshakeFaults[code] ?? (alert === undefined ? undefined : alerts[alert]));
  return why === undefined ? error : tlsFault(address, why, error);
}

function otherCertificateFault(code: string, error: Error): string {
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is not accepted: ${messageOf(error)}`;
  }
  const { reason = messageOf(error) } = error as { reason?: string };
  return `its certificate is for another name (${reason}): dial the name that it has, or give that as "servername"`;
}

/** A final failure of a dial. */
export function tlsFault(address: string, why: string, cause?: Error): HoldfastError {
  const message = `No TLS connection to ${address}: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_DIAL', message, { final: true, cause });
}

/** Speaks TLS, and did not agree to our protocol. */
export function otherProtocol(address: string): HoldfastError {
  return tlsFault(address, alerts['NO_APPLICATION_PROTOCOL'] as string);
}

/** What a listener sends to a client that it refuses. */
export function refusalLine(why: string): string {
  return `${refusalPrefix}${why}\n`;
}

/** Why the listener refuses, if that is what the first bytes on a connection say. */
export function refusalIn(bytes: Buffer): string | undefined {
  const line = bytes.subarray(0, 300).toString('latin1').split('\n')[0] ?? '';
  if (!line.startsWith(refusalPrefix)) return undefined;
  return line.slice(refusalPrefix.length).replace(/[^\x20-\x7e]/g, '?');
}
