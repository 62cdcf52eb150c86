import type { EventEmitter } from 'eventemitter3';

/** What any emitter is, seen without the types of its events. */
type EventMap = Record<string, (event: never) => void>;

/** Emits an event. A listener that throws does not break the emitter; its error surfaces as uncaught. */
export function emitSafely<Events extends object, Name extends keyof Events & string>(
  emitter: EventEmitter<Events>,
  name: Name,
  event: Events[Name] extends (event: infer Event) => void ? Event : never,
): void {
  tellSafely((given) => {
    (emitter as unknown as EventEmitter<EventMap>).emit(name, given as never);
  }, event);
}

/** Calls a listener. When it throws, its error surfaces as uncaught and the caller goes on. */
export function tellSafely<Event>(listener: (event: Event) => void, event: Event): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
