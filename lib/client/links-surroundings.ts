import type { ClientLink } from './client-link.ts';
import type { DrainingEvent, ReconnectingEvent, ReplayEvent, StateEvent } from './events.ts';
import type { LinkContext } from './link-owner.ts';

/** What all links of a client have in common, whoever owns them. */
export type SharedByLinks = Omit<LinkContext<ClientLink>, 'owner' | 'options' | 'patiences'>;

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
