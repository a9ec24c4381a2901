import { canBecome, makeAppliedSettings, noSettings, transition } from '../../../router/backend/applied-settings.js';
import { SessionSettings } from '../../../router/transaction/settings.js';

const set = (name: string | undefined, sql: string) => ({ name, sql, effect: 'set' as const });

describe('the settings of a session', () => {
  it('are nothing at first, and after DISCARD ALL', () => {
    const settings = new SessionSettings();
    expect(settings.applied).toBe(noSettings);
    settings.record(set('role', 'SET ROLE one'));
    settings.record({ name: undefined, sql: 'DISCARD ALL', effect: 'all' });
    expect(settings.applied.key).toBe(noSettings.key);
  });

  it('are repeated in their order, each name once with its last value', () => {
    const settings = new SessionSettings();
    settings.record(set('work_mem', 'SET work_mem = 1'));
    settings.record(set('timezone', 'SET timezone = UTC'));
    settings.record(set('sort_mem', 'SET sort_mem = 2'));
    expect(settings.applied.statements).toEqual(['SET timezone = UTC', 'SET sort_mem = 2']);
    settings.record({ name: 'work_mem', sql: 'RESET work_mem', effect: 'reset' });
    expect(settings.applied.statements).toEqual(['SET timezone = UTC']);
  });

  it('that add to their value do not replace each other', () => {
    const settings = new SessionSettings();
    settings.record(set('datestyle', 'SET datestyle = German'));
    settings.record(set('datestyle', 'SET datestyle = DMY'));
    settings.record(set('session characteristics', 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'));
    settings.record(set('datestyle', 'SET datestyle = German'));
    expect(settings.applied.statements).toEqual([
      'SET datestyle = DMY',
      'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
      'SET datestyle = German',
    ]);
  });

  it('but for roles are forgotten at RESET ALL', () => {
    const settings = new SessionSettings();
    settings.record(set('role', 'SET ROLE one'));
    settings.record(set('datestyle', 'SET datestyle = German'));
    settings.record({ name: undefined, sql: 'RESET ALL', effect: 'reset' });
    settings.record(set('timezone', 'SET timezone = UTC'));
    expect(settings.applied.statements).toEqual(['SET ROLE one', 'SET timezone = UTC']);
    settings.record(set('session_authorization', 'SET SESSION AUTHORIZATION two'));
    expect(settings.applied.statements).toEqual(['SET timezone = UTC', 'SET SESSION AUTHORIZATION two']);
  });

  it('remember names that were made up, which no server forgets', () => {
    const settings = new SessionSettings();
    settings.noteName('work_mem');
    settings.noteName('app.tenant');
    settings.record({ name: undefined, sql: 'DISCARD ALL', effect: 'all' });
    expect(settings.applied).toMatchObject({ statements: [], ownNames: ['app.tenant'] });
  });
});

describe('a connection', () => {
  const [one, two] = ['SET work_mem = 1', 'SET timezone = UTC'];

  it('gets what it lacks, or all after a reset', () => {
    const made = (...statements: string[]) => makeAppliedSettings(statements, []);
    expect(transition(made(one), made(one))).toEqual([]);
    expect(transition(made(one), made(one, two))).toEqual([two]);
    expect(transition(made(one, two), made(two))).toEqual(['SET SESSION AUTHORIZATION DEFAULT', 'RESET ALL', two]);
    expect(transition(made(one), noSettings)).toEqual(['SET SESSION AUTHORIZATION DEFAULT', 'RESET ALL']);
  });

  it('has all names that the session has made up, and no others', () => {
    const [none, some] = [noSettings, makeAppliedSettings([], ["app.'x"])];
    expect(canBecome(none, some)).toBe(true);
    expect(canBecome(some, none)).toBe(false);
    expect(transition(none, some)).toEqual(["SELECT pg_catalog.set_config('app.''x', '', false)"]);
  });
});
