/** That a call waits in a list, and between which others. */
export class Waiting<Call> {
  /** Undefined where it waits in no list. */
  readonly call: Call | undefined;
  next: Waiting<Call> | undefined;
  previous: Waiting<Call> | undefined;

  constructor(call?: Call) {
    this.call = call;
  }
}
