import { HoldfastError } from '../../errors.ts';
import type { Medium } from '../../media/medium.ts';
import { pipe } from '../../media/pipe.ts';
import { mediumOf, withoutSecrets } from '../../media/url.ts';
import { show } from '../../util/check.ts';

/** Where a branch is: what reaches its server, and its path there. */
export interface BranchAddress {
  readonly medium: Medium;
  readonly path: string;
}

const port = 4155;

const schemes = ['bzr', 'tcp', 'bzr+ssh', 'openssh', 'ssh'];

/**
 * The branch that a URL or a local path names.
 *
 * @param program Bazaar's program, at the far end of SSH or here
 * @throws HoldfastError `ERR_HOLDFAST_URL`
 */
export function branchAt(url: string, program: string): BranchAddress {
  const scheme = /^([a-z][a-z0-9+]*):\/\//.exec(url)?.[1];
  if (scheme === undefined) return localBranch(url, program);
  if (!schemes.includes(scheme)) throw urlError(url, `its scheme must be one of ${listed()}`);
  // The class of Node knows hosts and ports of such schemes as it should.
  if (!URL.canParse(url)) throw urlError(url, 'it is no URL');
  const parsed = new URL(url);
  const path = pathIn(url, parsed);
  if (scheme === 'bzr' || scheme === 'tcp') {
    const { username, password, search, hash } = parsed;
    if (username + password + search + hash !== '') {
      throw urlError(url, `a ${scheme} URL has a host, a port and a path, and nothing else`);
    }
    const authority = `${parsed.host}${parsed.port === '' ? `:${port}` : ''}`;
    return { medium: mediumOf(`tcp://${authority}`), path };
  }
  const target = new URL(url.replace(/^bzr\+ssh:/, 'openssh:'));
  target.pathname = '/';
  target.searchParams.set('command', `${program} serve --inet --directory=/`);
  return { medium: mediumOf(target.href), path };
}

function pathIn(url: string, { pathname }: URL): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw urlError(url, 'it has a "%" without two hexadecimal digits behind it');
  }
}

/** The program serves all that this user may read; a path is a path then. */
function localBranch(url: string, command: string): BranchAddress {
  if (!url.startsWith('/')) {
    throw urlError(url, `it must be an absolute path, or begin with one of ${listed()}`);
  }
  return { medium: pipe({ command, args: ['serve', '--inet', '--directory=/'] }), path: url };
}

function listed(): string {
  return schemes.map((scheme) => `${scheme}://`).join(', ');
}

function urlError(url: string, why: string): HoldfastError {
  const message = `Cannot use the URL ${show(withoutSecrets(url))}: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_URL', message, { final: true });
}
