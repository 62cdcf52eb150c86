/** That something waits in a list, and between which others. */
export class Waiting<Of> {
  /** Undefined where it waits in no list. */
  readonly call: Of | undefined;
  next: Waiting<Of> | undefined;
  previous: Waiting<Of> | undefined;

  constructor(call?: Of) {
    this.call = call;
  }
}
