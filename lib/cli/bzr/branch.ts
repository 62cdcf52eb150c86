import { posix } from 'node:path';
import type { Client } from '../../client/client.ts';
import { HoldfastError } from '../../errors.ts';
import { decodeValue } from '../../protocols/bzr/bencode.ts';
import type { BzrReply } from '../../protocols/bzr/index.ts';
import type { BzrVerbs } from '../../protocols/bzr/verbs.ts';
import { type Revision, readRevision } from './revision.ts';

/** A revision of the main line, with its number. */
export interface NumberedRevision extends Revision {
  readonly number: number;
}

/** A name for a revision. */
export interface Tag {
  readonly name: string;
  readonly revisionId: string;
  /** Undefined where the revision is not on the branch's main line. */
  readonly number: number | undefined;
}

/** What is read of a branch. */
export interface BranchReport {
  readonly path: string;
  readonly format: string;
  /** 0 for a branch without revisions. */
  readonly number: number;
  readonly revisionId: string;
  readonly tags: readonly Tag[];
  /** The last revisions of the main line, newest first. */
  readonly log: readonly NumberedRevision[];
  /** Why the log ends before it should; undefined if it does not. */
  readonly logEnds: string | undefined;
}

/** Reads a branch with calls that change nothing, one or a few at a time. */
export class BranchReader {
  readonly #client: Client<BzrVerbs>;
  readonly #path: string;

  constructor(client: Client<BzrVerbs>, path: string) {
    this.#client = client;
    this.#path = path.endsWith('/') ? path : `${path}/`;
  }

  /** @param limit how many revisions the log has at most */
  async read(limit: number): Promise<BranchReport> {
    const { call } = this.#client;
    const args = [this.#path];
    const format = await this.#format();
    const last = await call['Branch.last_revision_info']({ args });
    const number = Number(last.text(1));
    const revisionId = last.text(2) ?? '';
    const tags = await this.#tags();
    const log: NumberedRevision[] = [];
    const logEnds = number === 0 ? undefined : await this.#readLog(number, revisionId, limit, log);
    return { path: this.#path, format, number, revisionId, tags, log, logEnds };
  }

  async #format(): Promise<string> {
    let reply: BzrReply;
    try {
      reply = await this.#client.call['BzrDir.open_branchV3']({ args: [this.#path] });
    } catch (cause) {
      if (remoteCode(cause) !== 'nobranch') throw cause;
      const message = `There is no branch at ${this.#path}`;
      throw new HoldfastError('ERR_HOLDFAST_REMOTE', message, { outcome: 'executed', cause });
    }
    if (reply.text(0) === 'branch') return (reply.text(1) ?? '').trim();
    const message = `${this.#path} is no branch but refers to one at ${reply.text(1)}`;
    throw new HoldfastError('ERR_HOLDFAST_URL', message, { final: true });
  }

  async #tags(): Promise<Tag[]> {
    const reply = await this.#client.call['Branch.get_tags_bytes']({ args: [this.#path] });
    const [bytes] = reply.args;
    if (!Buffer.isBuffer(bytes) || bytes.length === 0) return [];
    const names = decodeValue(bytes);
    const tags = names instanceof Map ? [...names] : [];
    return await Promise.all(
      tags.map(async ([name, id]) => {
        const revisionId = String(id);
        return { name, revisionId, number: await this.#numberOf(revisionId) };
      }),
    );
  }

  async #numberOf(revisionId: string): Promise<number | undefined> {
    const args = [this.#path, revisionId];
    try {
      const reply = await this.#client.call['Branch.revision_id_to_revno']({ args });
      return Number(reply.text(1));
    } catch (error) {
      if (remoteCode(error) !== undefined) return undefined;
      throw error;
    }
  }

  /** Adds the last revisions to `log`; gives the reason if they are fewer than there are. */
  async #readLog(
    last: number,
    lastId: string,
    limit: number,
    log: NumberedRevision[],
  ): Promise<string | undefined> {
    const { call } = this.#client;
    const found = await call['BzrDir.find_repositoryV3']({ args: [this.#path] });
    // Where it is from the branch: nowhere else, or some folders up.
    const repository = `${posix.join(this.#path, found.text(1) ?? '')}/`.replace(/\/+$/, '/');
    let id: string | undefined = lastId;
    for (let number = last; id !== undefined && number > 0 && log.length < limit; number--) {
      const args = [repository];
      const reply = await call['Repository.iter_revisions']({ args, body: id });
      if (reply.text(1) !== '10') return `the format ${reply.text(1)} of its revisions is older`;
      if (reply.body.length === 0) return 'the repository does not have the rest';
      const revision = readRevision(reply.body);
      log.push({ ...revision, number });
      id = revision.parents[0];
    }
    return undefined;
  }
}

/** What a Bazaar server calls an error of its own. */
function remoteCode(error: unknown): string | undefined {
  return error instanceof HoldfastError ? error.remote?.code : undefined;
}
