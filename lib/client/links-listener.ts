import type { DrainingEvent, ReconnectingEvent, ReplayEvent, StateEvent } from './events.ts';

/** Who hears of what happens to the links of a client. */
export interface LinksListener {
  onState(event: StateEvent): void;
  onReconnecting(event: ReconnectingEvent): void;
  onReplay(event: ReplayEvent): void;
  onDraining(event: DrainingEvent): void;
  onLinkUp(link: string): void;
  onLinkDown(link: string, reason: Error | undefined): void;
  /** Everything is closed. */
  onClosed(reason: Error | undefined): void;
}
