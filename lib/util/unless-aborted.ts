/** What `promise` gives, or the signal's reason as soon as it aborts. The work itself goes on. */
export function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason);
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted);
    promise.finally(() => signal.removeEventListener('abort', aborted)).then(resolve, reject);
  });
}
