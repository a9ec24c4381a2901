import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repo.js';
import { difference, readAnswer, refusalIn, type Answer } from './answer.js';
import { RawClient, type Address } from './raw-client.js';
import { startRig, type Rig } from './rig.js';
import { parseScript, type ScriptSection, type ScriptStatement } from './script.js';

const cases = join(repositoryRoot, 'tests/oracle/cases');
const wanted = process.env['ORACLE_SECTION'];
const reset = 'DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public';

type Protocol = 'simple' | 'extended';

async function ask(
  client: RawClient,
  { sql, copy }: Pick<ScriptStatement, 'sql' | 'copy'>,
  protocol: Protocol,
): Promise<Answer> {
  const frames = protocol === 'simple' ? await client.simple(sql, copy) : await client.extended(sql, copy);
  return readAnswer(frames);
}

async function emptied(address: Address): Promise<RawClient> {
  const client = await RawClient.connect(address);
  const { rows } = await objectsToDrop(client);
  for (const sql of [...rows, ...reset.split('; ')]) {
    const answer = readAnswer(await client.simple(sql));
    const error = answer.parts.find((part) => part.kind === 'error');
    if (error !== undefined) throw new Error(`${sql}: ${JSON.stringify(error)}`);
  }
  return client;
}

/** Schemas that an earlier section has made. */
async function objectsToDrop(client: RawClient): Promise<{ readonly rows: readonly string[] }> {
  const answer = readAnswer(
    await client.simple(
      `SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
       WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public', 'pgring')`,
    ),
  );
  const rows = answer.parts.flatMap((part) => (part.kind === 'rows' ? part.rows : []));
  return { rows: rows.map((row) => String(JSON.parse(row))) };
}

async function runSection(rig: Rig, section: ScriptSection, protocol: Protocol): Promise<readonly string[]> {
  const problems: string[] = [];
  const pgring = await emptied(rig.pgring);
  const oracle = await emptied(rig.oracle);
  for (const statement of section.statements) {
    const complain = (text: string): void => {
      problems.push(`line ${statement.line}: ${statement.sql}\n${text}`);
    };
    let actual: Answer;
    try {
      actual = await ask(pgring, statement, protocol);
    } catch (error) {
      complain(String(error));
      break;
    }
    if (statement.only === 'pgring') {
      if (actual.parts.some((part) => part.kind === 'error')) complain(JSON.stringify(actual.parts));
      continue;
    }
    const refusal = refusalIn(actual);
    if (refusal !== undefined) {
      if (!statement.refused) complain(`refused: ${JSON.stringify(actual.parts)}`);
      // One server would have done it; where that fails a transaction here, it has to fail there too.
      if (actual.status === 'E') await oracle.simple('SELECT 1/0');
      continue;
    }
    const sql = statement.sql.replaceAll(/ WITH \(pgring\.[^)]*\)/g, '');
    const expected = await ask(oracle, { ...statement, sql }, protocol);
    if (statement.refused) complain('is not refused any more');
    const differs = difference(
      actual,
      expected,
      statement.order,
      section.name.endsWith('with positions') ? 'all' : 'known',
    );
    if (differs !== undefined) complain(differs);
  }
  pgring.close();
  oracle.close();
  try {
    await rig.checkPlacement();
  } catch (error) {
    problems.push(`after section ${section.name}: ${String(error)}`);
  }
  return problems;
}

describe('a script through pgring answers as on one PostgreSQL', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('oracle_script', 3);
  });
  afterAll(async () => {
    await rig.close();
  });

  for (const file of readdirSync(cases).filter((name) => name.endsWith('.sql'))) {
    for (const section of parseScript(readFileSync(join(cases, file), 'utf8'))) {
      if (wanted !== undefined && !section.name.includes(wanted)) continue;
      it.each<Protocol>(['simple', 'extended'])(`${file}: ${section.name}, %s protocol`, async (protocol) => {
        const problems = await runSection(rig, section, protocol);
        expect(problems.join('\n\n')).toBe('');
      });
    }
  }
});
