import { expect } from 'chai';
import { type Client, connect, defineVerbs, memory, read, serve } from '../../lib/index.ts';

const verbs = defineVerbs({ get: read<string, string>() });
const clients = 50;
const mostBytesEach = 8 * 1024;

describe('Clients that are idle', () => {
  it('share the memory that calls are written into', async () => {
    const place = memory('idle-memory');
    const server = await serve(verbs, { get: (name) => name }, { listen: place });
    const open: Client<typeof verbs>[] = [];
    const add = async (): Promise<void> => {
      const client = connect(place, verbs);
      open.push(client);
      expect(await client.call.get('x')).to.equal('x');
    };
    // What all share is there behind the first.
    await add();
    const before = process.memoryUsage().arrayBuffers;
    for (let made = 0; made < clients; made++) await add();
    const after = process.memoryUsage().arrayBuffers;
    expect((after - before) / clients).to.be.below(mostBytesEach);
    for (const client of open) await client.close();
    await server.close();
  });
});
