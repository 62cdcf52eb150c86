import type { Medium } from 'holdfast';

/** How connections are made where that is not the kernel's business. */
export interface Connecting {
  /** Resolves when the handshake is through. */
  ready(signal: AbortSignal): Promise<void>;
}

/** A medium whose dials wait for that. */
export function slowMedium(medium: Medium, connecting: Connecting): Medium {
  return {
    address: medium.address,
    losesPackets: true,
    async dial(signal) {
      await connecting.ready(signal);
      return await medium.dial(signal);
    },
  };
}
