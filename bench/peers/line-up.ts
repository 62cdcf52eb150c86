/** A peer, and the package of its client. */
export interface PeerOf {
  readonly name: string;
  readonly library: string;
  /** Both ends are Node: the others talk with a server in C or Go. */
  readonly isNode: boolean;
}

const node = (name: string, library: string): PeerOf => ({ name, library, isNode: true });
const other = (name: string, library: string): PeerOf => ({ name, library, isNode: false });

/** A contender whose server and client are in the folder of the other benchmarks. */
export const near: readonly PeerOf[] = [node('holdfast', 'holdfast'), node('ws-msgpackr', 'ws')];

export const far: readonly PeerOf[] = [
  node('grpc-js', '@grpc/grpc-js'),
  node('connect-node', '@connectrpc/connect-node'),
  node('undici', 'undici'),
  node('undici-pipelining', 'undici'),
  node('vscode-jsonrpc', 'vscode-jsonrpc/node'),
  other('ioredis', 'ioredis'),
  other('ioredis-pipelining', 'ioredis'),
  other('nats', '@nats-io/transport-node'),
  node('thrift', 'thrift'),
  node('jayson', 'jayson/promise/index.js'),
];

/** Those that connect again by themselves, and the modules of theirs that have every default. */
export const reconnecting: Readonly<Record<string, string>> = {
  holdfast: 'holdfast',
  'grpc-js': 'grpc-js',
  'connect-node': 'connect-node',
  undici: 'undici',
  ioredis: 'ioredis',
  nats: 'nats-as-it-is',
};
