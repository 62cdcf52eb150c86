import { toJson } from './json.ts';
import { type Paint, paintFor } from './terminal.ts';

/** Paints for stdout. */
export const paint: Paint = paintFor(process.stdout, process.env);

/** A text for people, or a line for machines. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A value as one line of JSON. */
export function printJson(value: unknown): void {
  print(toJson(value));
}

/** What happens meanwhile, beside the result. */
export function note(text: string): void {
  process.stderr.write(`holdfast: ${text}\n`);
}
