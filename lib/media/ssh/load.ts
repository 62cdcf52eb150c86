import { codeOf, HoldfastError, messageOf } from '../../errors.ts';

/** The package ssh2 as it is imported. */
export type Ssh2 = typeof import('ssh2');

/**
 * Loads the package ssh2, which is not a dependency of its own: only who uses this medium needs it.
 *
 * @param importer replaced by tests
 */
export async function loadSsh2(
  importer: () => Promise<unknown> = () => import('ssh2'),
): Promise<Ssh2> {
  let loaded: unknown;
  try {
    loaded = await importer();
  } catch (error) {
    const isMissing = codeOf(error) === 'ERR_MODULE_NOT_FOUND';
    const message = isMissing
      ? 'The ssh medium needs the package ssh2, which is not installed: npm install ssh2'
      : `The package ssh2 cannot be loaded: ${messageOf(error)}`;
    throw new HoldfastError('ERR_HOLDFAST_DIAL', message, { final: true, cause: error });
  }
  // It is CommonJS: Node finds only some of its names, the default has them all.
  return (loaded as { default: Ssh2 }).default;
}
