/** Cursor to the corner. */
const home = '\u001b[H';
const clearAll = '\u001b[2J';
const clearToEndOfLine = '\u001b[K';
const clearRest = '\u001b[J';

/**
 * What a terminal is sent to show a text in place of the one before. That is overwritten line by
 * line and not wiped out first, so that nothing flickers.
 */
export function frame(text: string, isFirst: boolean): string {
  const lines = text.split('\n').map((line) => `${line}${clearToEndOfLine}\n`);
  return `${isFirst ? clearAll : ''}${home}${lines.join('')}${clearRest}`;
}
