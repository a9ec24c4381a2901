import { SessionSettings } from '../../../router/transaction/settings.js';

describe('the settings of a session', () => {
  it('are nothing to catch up with at first', () => {
    const settings = new SessionSettings();
    expect(settings.version).toBe(0);
    expect(settings.since(0)).toEqual([]);
  });

  it('are repeated in their order, each name once with its last value', () => {
    const settings = new SessionSettings();
    settings.record({ name: 'datestyle', sql: 'SET datestyle = ISO' });
    settings.record({ name: 'timezone', sql: 'SET timezone = UTC' });
    settings.record({ name: 'datestyle', sql: 'SET datestyle = German' });
    expect(settings.since(0)).toEqual(['SET timezone = UTC', 'SET datestyle = German']);
    expect(settings.since(2)).toEqual(['SET datestyle = German']);
    expect(settings.since(settings.version)).toEqual([]);
  });

  it('that concern more than one name do not replace each other', () => {
    const settings = new SessionSettings();
    settings.record({ name: undefined, sql: 'SET SESSION AUTHORIZATION one' });
    settings.record({ name: undefined, sql: 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY' });
    expect(settings.since(0)).toHaveLength(2);
  });

  it('are forgotten at a reset, which connections that were not used meanwhile must repeat', () => {
    const settings = new SessionSettings();
    settings.record({ name: 'datestyle', sql: 'SET datestyle = German' });
    settings.recordReset('RESET ALL');
    settings.record({ name: 'timezone', sql: 'SET timezone = UTC' });
    expect(settings.since(0)).toEqual(['RESET ALL', 'SET timezone = UTC']);
  });
});
