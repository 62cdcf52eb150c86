import type { EventEmitter } from 'eventemitter3';

/** What any emitter is, seen without the types of its events. */
type EventMap = Record<string, (event: never) => void>;

/** Emits an event. A listener that throws does not break the emitter; its error surfaces as uncaught. */
export function emitSafely<Events extends object, Name extends keyof Events & string>(
  emitter: EventEmitter<Events>,
  name: Name,
  event: Events[Name] extends (event: infer Event) => void ? Event : never,
): void {
  try {
    (emitter as unknown as EventEmitter<EventMap>).emit(name, event as never);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
