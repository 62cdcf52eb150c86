import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { checkOperands, readOptions, sortArguments } from '../../lib/cli/arguments.ts';
import { commands } from '../../lib/cli/commands.ts';
import { exitCodes } from '../../lib/cli/exit-codes.ts';
import { helpOf, overview } from '../../lib/cli/help.ts';
import { commandPage, root, tableIn } from '../readme/readme.ts';
import { commandPath, run } from '../support/command.ts';

const names = Object.keys(commands);

/** What `--help` of a command says. */
async function helpText(name: string): Promise<string> {
  const listed = commands[name];
  if (listed === undefined) throw new Error(`There is no command ${name}`);
  return helpOf(name, listed.summary, await listed.load());
}

/** The words of a line as a shell takes them, up to where its input comes from elsewhere. */
function words(line: string): string[] {
  const found = [...line.replace(/ < .*/, '').matchAll(/'([^']*)'|(\S+)/g)];
  return found.map(([, quoted, plain]) => quoted ?? plain ?? '');
}

describe("The command's help", function () {
  this.timeout(30_000);

  it('is printed on stdout by --help, -h and help, with 0', async () => {
    const general = { out: `${overview()}\n`, err: '', code: 0 };
    expect(await run(['--help'])).to.deep.equal(general);
    expect(await run(['help'])).to.deep.equal(general);
    const ofCall = { out: `${await helpText('call')}\n`, err: '', code: 0 };
    expect(await run(['call', 'URL', '-h', '--nonsense'])).to.deep.equal(ofCall);
    expect(await run(['help', 'call'])).to.deep.equal(ofCall);
  });

  it('names every command, and every exit code', () => {
    for (const [name, { summary }] of Object.entries(commands)) {
      expect(overview()).to.match(new RegExp(`^  ${name} +${summary}$`, 'm'));
    }
    for (const [code, meaning] of Object.entries(exitCodes)) {
      expect(overview()).to.include(`  ${code}  ${meaning}\n`);
    }
  });

  for (const name of names) {
    it(`of ${name} names every operand and option, and fits into a terminal`, async () => {
      const text = await helpText(name);
      const command = await (commands[name] as (typeof commands)[string]).load();
      for (const operand of command.operands) {
        expect(text).to.match(new RegExp(`^  ${operand.name} +\\S`, 'm'));
      }
      for (const [option, { placeholder }] of Object.entries(command.options)) {
        expect(text).to.include(
          `  --${option}${placeholder === undefined ? '' : ` ${placeholder}`}`,
        );
      }
      const [prose = ''] = text.split('\n\nExamples:');
      for (const line of prose.split('\n')) expect(line.length, line).to.be.at.most(80);
    });

    it(`of ${name} has examples that are right`, async () => {
      const command = await (commands[name] as (typeof commands)[string]).load();
      expect(command.examples).to.not.deep.equal([]);
      for (const [example] of command.examples) {
        const [first, ...args] = words(example);
        expect(first).to.equal(name);
        const sorted = sortArguments(args, command);
        checkOperands(command, sorted);
        readOptions(command, sorted);
      }
    });
  }

  it('is what the table of its page says', async () => {
    const rows = await Promise.all(
      names.map(async (name) => {
        const [, usage = ''] = /^Usage: (.*?)(?: \[OPTIONS\])?$/m.exec(await helpText(name)) ?? [];
        return [`\`${usage}\``, commands[name]?.summary];
      }),
    );
    expect(tableIn(commandPage, 'command')).to.deep.equal(rows);
    expect(tableIn(commandPage, 'exit code')).to.deep.equal(
      Object.entries(exitCodes).map(([code, meaning]) => [code, meaning]),
    );
  });
});

describe('The command', function () {
  this.timeout(30_000);

  it('tells its version', async () => {
    await copyFile(
      join(root, 'package.json'),
      join(dirname(await commandPath()), '../../package.json'),
    );
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(await run(['--version'])).to.deep.equal({ out: `${version}\n`, err: '', code: 0 });
  });

  it('starts quickly: what only some commands need is loaded by them', () => {
    const loaded = new Set<string>();
    const load = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      const text = readFileSync(join(root, file), 'utf8');
      for (const [, path = ''] of text.matchAll(
        /^(?:import|export|\}) (?!type ).*from '(\.[^']+)'/gm,
      )) {
        load(join(dirname(file), path));
      }
    };
    load('lib/cli/main.ts');
    const strangers = [...loaded].filter(
      (file) => !/^lib\/(cli\/[\w-]+|util\/[\w-]+|errors)\.ts$/.test(file),
    );
    expect(strangers).to.deep.equal([]);
    expect(loaded).to.include('lib/cli/arguments.ts').and.have.property('size').below(10);
  });

  it('names the nearest command for one that is not there, and exits with 2', async () => {
    const wrong = await run(['pong', 'tcp://127.0.0.1:1']);
    expect(wrong).to.include({ out: '', code: 2 });
    expect(wrong.err).to.include('did you mean "ping"?').and.include('See holdfast --help');
    expect((await run(['help', 'cal'])).err).to.include('did you mean "call"?');
    expect((await run([])).err).to.include('A command is missing');
    expect((await run(['toString'])).code).to.equal(2);
  });
});
