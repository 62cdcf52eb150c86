import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import ssh2 from 'ssh2';
import { SshConnection } from '../../../lib/media/ssh/connection.ts';

const bulk = Buffer.alloc(64 * 1024 * 1024, 'x');

describe('A connection of ssh', () => {
  let server: net.Server;
  let far: Socket;
  let connection: SshConnection;
  let isClosed: Promise<void>;

  beforeEach(async () => {
    // One that ends its own side only when it is told.
    server = net.createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    connection = new SshConnection(ssh2, '127.0.0.1', (server.address() as AddressInfo).port);
    isClosed = new Promise((resolve) => {
      connection.onClosed = resolve;
    });
    await once(connection.socket, 'connect');
    [far] = (await accepted) as [Socket];
    far.on('error', () => {});
    connection.socket.resume();
  });

  afterEach(async () => {
    connection.destroy();
    far.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('sends nothing more of what is queued once the far side has ended', async () => {
    connection.socket.write(bulk);
    far.end();
    await isClosed;
    let received = 0;
    far.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await once(far, 'close');
    expect(received).to.be.below(bulk.length);
  });

  it('is closed when ssh2 has ended its side, although the far side does not follow', async () => {
    // What ssh2 does when the server says good-bye.
    connection.socket.end('the last words');
    await isClosed;
    expect(connection.isDead).to.equal(true);
    expect(connection.cause).to.equal(undefined);
  });

  it('is closed by an error of ssh2’s, and has a second one heard by nobody', async () => {
    const first = Object.assign(new Error('first'), { level: 'protocol' });
    const heard: Error[] = [];
    let endings = 0;
    connection.onError = (error) => heard.push(error);
    connection.onEnding = () => endings++;
    connection.client.emit('error', first);
    connection.client.emit('error', new Error('second'));
    expect(connection.isDead).to.equal(true);
    await isClosed;
    expect(connection.cause).to.equal(first);
    expect(heard.map(({ message }) => message)).to.deep.equal(['first', 'second']);
    expect(endings).to.equal(1);
  });

  it('lives on when only one way to authenticate went wrong', () => {
    for (const level of ['agent', 'client-authentication']) {
      connection.client.emit('error', Object.assign(new Error(level), { level }));
      expect(connection.isDead).to.equal(false);
    }
  });
});
