import { codeOf, HoldfastError, messageOf } from '../errors.ts';

/**
 * Loads a package that holdfast does not depend on: only who uses the store needs it.
 *
 * @throws HoldfastError `ERR_HOLDFAST_STORE`
 */
export async function loadPackage<Package>(
  name: string,
  importer: () => Promise<unknown>,
): Promise<Package> {
  try {
    return (await importer()) as Package;
  } catch (error) {
    const isMissing = codeOf(error) === 'ERR_MODULE_NOT_FOUND';
    throw storeError(
      isMissing
        ? `This completion store needs the package ${name}, which is not installed: npm install ${name}`
        : `The package ${name} cannot be loaded: ${messageOf(error)}`,
      error,
    );
  }
}

/** A store cannot be opened, or must not be used as it is. */
export function storeError(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_STORE', message, { final: true, cause });
}
