/** The dialogue of `pgring advise` on a terminal: look at a table, choose otherwise, see what that changes. */

import { createInterface } from 'node:readline';
import { writeFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import type { Placement } from '../../catalog/schema.js';
import { messageOf } from '../failure.js';
import { advise, findTable, parseWish, type Advice } from './advice.js';
import { reportText, tableText } from './report.js';
import { rulesText } from './rules.js';
import { samePlacement, shownName, shownPlacement } from './schema.js';

const HELP = `  orders               what else the table could be, and what would be refused then
  orders=customer_id   shard it by that column; also orders=reference, orders=home
  undo                 forget the last choice
  show                 all advice again
  write pgring.yaml    the rules into a new file
  quit                 leave
`;

/** Returns the advice as it stands when the person leaves. */
export async function converse(first: Advice, input: Readable, output: Writable): Promise<Advice> {
  const say = (text: string): void => {
    output.write(text);
  };
  let advice = first;
  const wishes: (readonly [oid: number, placement: Placement])[] = [];
  say(`${reportText(advice)}\nA table's name tells what else it could be; help tells what else there is.\n`);
  const lines = createInterface({ input, output, prompt: 'advise> ' });
  lines.prompt();
  for await (const line of lines) {
    const command = line.trim();
    const [word = '', argument = ''] = command.split(/\s+/, 2);
    if (word === 'quit' || word === 'exit' || word === '\\q') break;
    if (word === 'help' || word === '?') say(HELP);
    else if (word === 'show') say(reportText(advice));
    else if (word === 'write') say(await write(advice, argument));
    else if (word === 'undo' || command.includes('=')) {
      const problem = word === 'undo' ? takeBack(wishes) : choose(command, advice, wishes);
      if (problem === undefined) {
        const next = advise(advice.schema, advice.shards, new Map(wishes));
        say(changesText(advice, next));
        advice = next;
      } else say(`  ${problem}\n`);
    } else if (word !== '') {
      const table = findTable(word, advice.schema);
      const found = advice.tables.find((each) => each.table === table);
      say(found === undefined ? `  there is no table ${word}; help tells what can be said\n` : tableText(found));
    }
    lines.prompt();
  }
  lines.close();
  return advice;
}

function takeBack(wishes: (readonly [number, Placement])[]): string | undefined {
  return wishes.pop() === undefined ? 'nothing was chosen yet' : undefined;
}

function choose(command: string, advice: Advice, wishes: (readonly [number, Placement])[]): string | undefined {
  const wish = parseWish(command, advice.schema);
  if (typeof wish === 'string') return wish;
  wishes.push([wish.table.oid, wish.placement]);
  return undefined;
}

function changesText(before: Advice, after: Advice): string {
  const lines = after.tables.flatMap(({ table, placement, refused }) => {
    const old = before.choices.get(table.oid) ?? { kind: 'home' };
    const changed = samePlacement(old, placement)
      ? []
      : [`  ${shownName(table)}: ${shownPlacement(old)} → ${shownPlacement(placement)}\n`];
    return [
      ...changed,
      ...refused.map(({ constraint, why }) => `  ${shownName(table)}: refused: ${constraint}: ${why}\n`),
    ];
  });
  return lines.length === 0 ? '  nothing changes\n' : [...new Set(lines)].join('');
}

async function write({ schema, choices }: Advice, path: string): Promise<string> {
  if (path === '') return '  write needs the name of a file: write rules.yaml\n';
  try {
    await writeFile(path, rulesText(schema.tables, choices), { flag: 'wx' });
    return `  written: ${path}\n`;
  } catch (error) {
    return `  ${path} is not written: ${messageOf(error)}\n`;
  }
}
