import { expect } from 'chai';
import { connect, defineVerbs, HoldfastError, once, type Server, serve } from '../../lib/index.ts';

const verbs = defineVerbs({ pay: once<string, string>() });

describe('a "once" call and the process that recorded it', () => {
  let made = 0;

  beforeEach(() => {
    made = 0;
  });

  async function servePayments(listen: string, whilePaying = async () => {}): Promise<Server> {
    const pay = async (): Promise<string> => {
      made++;
      await whilePaying();
      return 'paid';
    };
    return await serve(verbs, { pay }, { listen });
  }

  it('is not executed by another process when it may have run in one that is gone', async () => {
    const first: Server = await servePayments('tcp://127.0.0.1:0', () => first.close());
    const url = first.urls[0] as string;
    const client = connect(url, verbs);
    const payment = client.call.pay('rent').catch((error: unknown) => error);
    await first.closed;
    const second = await servePayments(url);
    const error = await payment;
    await client.close();
    await second.close();
    expect(made).to.equal(1);
    expect(error).to.be.instanceOf(HoldfastError);
    expect(error).to.include({ code: 'ERR_HOLDFAST_LOST', outcome: 'unknown', verb: 'pay' });
  });

  it('is made by another process when it provably did not run in one that is gone', async () => {
    const first = await servePayments('tcp://127.0.0.1:0');
    const url = first.urls[0] as string;
    const client = connect(url, verbs);
    await client.ready();
    const lost = new Promise((resolve) => client.once('state', resolve));
    await first.close();
    await lost;
    const payment = client.call.pay('rent');
    const second = await servePayments(url);
    expect(await payment).to.equal('paid');
    expect(made).to.equal(1);
    await client.close();
    await second.close();
  });
});
