import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { expect } from 'chai';
import { makeCertificate } from '../../bench/media/certificate.ts';

describe('certificate of the benchmarks', () => {
  it('is accepted for 127.0.0.1 by who trusts it, and by nobody else', async () => {
    const { cert, key } = makeCertificate();
    expect(new X509Certificate(cert).checkIP('127.0.0.1')).to.equal('127.0.0.1');
    const server = createServer({ cert, key }, (socket) => socket.on('error', () => {}));
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const trusting = connect({ host: '127.0.0.1', port, ca: cert });
    await once(trusting, 'secureConnect');
    trusting.destroy();
    const distrusting = connect({ host: '127.0.0.1', port });
    const [error] = (await once(distrusting, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
    distrusting.destroy();
    server.close();
    await once(server, 'close');
  });
});
