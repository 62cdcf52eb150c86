import mocha from 'mocha';

/** Mocha's usual output, and a closing line that a machine can read. */
// biome-ignore lint/style/noDefaultExport: mocha takes a reporter from there
export default class Reporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      const skipped = pending > 0 ? `, ${pending} skipped` : '';
      console.log(`${passes} passed, ${failures} failed${skipped}`);
      // What tests that failed have left behind must not keep the process alive for ever.
      if (failures > 0) setTimeout(() => process.exit(), 1_000).unref();
    });
  }
}
