import { HoldfastError } from '../errors.ts';
import type { Channel, InheritedSocket, Listener, Medium } from './medium.ts';

/** What the file of a medium that is loaded on demand exports, for URLs of its schemes. */
export interface MediumModule {
  /** Throws `ERR_HOLDFAST_URL` or `ERR_HOLDFAST_OPTION`. Missing where nothing can be dialled. */
  mediumFromUrl?(url: string): Medium;
  /** Missing where one cannot be listened on. */
  listenerFromUrl?(url: string): Listener;
}

/** An address whose medium is loaded when it is used for the first time. */
class Lazy implements Medium, Listener {
  readonly address: string;
  readonly losesPackets: boolean;
  readonly #url: string;
  readonly #load: () => Promise<MediumModule>;
  #medium: Promise<Medium> | undefined;

  constructor(
    url: string,
    address: string,
    load: () => Promise<MediumModule>,
    losesPackets: boolean,
  ) {
    this.#url = url;
    this.address = address;
    this.losesPackets = losesPackets;
    this.#load = load;
  }

  async dial(signal: AbortSignal, onAnswered?: () => void): Promise<Channel> {
    this.#medium ??= this.#load().then(({ mediumFromUrl }) => {
      if (mediumFromUrl === undefined) throw this.#cannot('connected to');
      return mediumFromUrl(this.#url);
    });
    const medium = await this.#medium;
    return medium.dial(signal, onAnswered);
  }

  async listen(accept: (channel: Channel) => void): ReturnType<Listener['listen']> {
    const { listenerFromUrl } = await this.#load();
    if (listenerFromUrl === undefined) throw this.#cannot('listened on');
    return listenerFromUrl(this.#url).listen(accept);
  }

  async adopt(
    socket: InheritedSocket,
    accept: (channel: Channel) => void,
  ): ReturnType<Listener['listen']> {
    const { listenerFromUrl } = await this.#load();
    const listener = listenerFromUrl?.(this.#url);
    if (listener?.adopt === undefined) throw this.#cannot('listened on with an inherited socket');
    return listener.adopt(socket, accept);
  }

  #cannot(what: string): HoldfastError {
    const message = `${this.address} cannot be ${what}`;
    return new HoldfastError('ERR_HOLDFAST_URL', message, { final: true });
  }
}

/**
 * An address whose medium is a file of its own, loaded when it is used: who does not use it does
 * not load what it needs.
 *
 * @param address the URL without secrets
 * @param losesPackets as the medium says of itself when it is loaded
 */
export function lazy(
  url: string,
  address: string,
  load: () => Promise<MediumModule>,
  losesPackets: boolean,
): Medium & Listener {
  return new Lazy(url, address, load, losesPackets);
}
