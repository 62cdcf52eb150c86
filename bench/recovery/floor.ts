import { FloorClient } from '../contenders/floor/client.ts';
import { openFloor } from '../contenders/floor.ts';
import { nowUs } from '../harness/now.ts';
import type { RecoveryPlace, Sample } from './samples.ts';
import { floorVerbs } from './verbs.ts';

/** What is done by hand on a raw channel: connect again, send the call again. */
export class FloorSubject {
  readonly #place: RecoveryPlace;
  readonly #address: string;
  #client: FloorClient;

  private constructor(place: RecoveryPlace, address: string, client: FloorClient) {
    this.#place = place;
    this.#address = address;
    this.#client = client;
  }

  static async open(place: RecoveryPlace, address: string): Promise<FloorSubject> {
    const client = new FloorClient(await openFloor(address, place));
    return new FloorSubject(place, address, client);
  }

  /** Of a connection that was used just before, as after a recovery. */
  async roundTripUs(): Promise<number> {
    await this.#client.call(floorVerbs.touch, 0);
    const startUs = nowUs();
    await this.#client.call(floorVerbs.touch, 0);
    return nowUs() - startUs;
  }

  async recover(round: number): Promise<Sample> {
    const wasCut = await this.#client.call(floorVerbs.recover, round).then(
      () => false,
      () => true,
    );
    if (!wasCut) throw new Error('The connection of the floor was not cut');
    const seenUs = nowUs();
    this.#client = new FloorClient(await openFloor(this.#address, this.#place));
    const openUs = nowUs();
    const cutUs = Number(await this.#client.call(floorVerbs.recover, round));
    const replyUs = nowUs();
    return { seenUs: seenUs - cutUs, openUs: openUs - cutUs, replyUs: replyUs - cutUs };
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
