import { LogInFailures } from '../../../proxy/authentication/failures.js';

describe('LogInFailures', () => {
  const limits = { authenticationFailures: 10, authenticationFailureMs: 1_000 };
  let now: number;
  let failures: LogInFailures;
  beforeEach(() => {
    now = 1_000_000;
    failures = new LogInFailures(
      () => limits,
      () => now,
    );
  });

  it('lets people mistype, and makes guessing slow', () => {
    const delays = Array.from({ length: 10 }, () => failures.note('10.0.0.1'));
    expect(delays).toEqual([0, 0, 0, 100, 200, 400, 800, 1600, 3000, 3000]);
    expect(failures.refusedMs('10.0.0.1')).toBeGreaterThan(0);
    expect(failures.refusedMs('10.0.0.2')).toBe(0);
  });

  it('forgets by and by', () => {
    for (let count = 0; count < 10; count += 1) failures.note('10.0.0.1');
    const waitMs = failures.refusedMs('10.0.0.1');
    now += waitMs - 1;
    expect(failures.refusedMs('10.0.0.1')).toBeGreaterThan(0);
    now += 2;
    expect(failures.refusedMs('10.0.0.1')).toBe(0);
    now += 1_000;
    expect(failures.note('10.0.0.1')).toBe(0);
  });

  it('takes a network of IPv6 for one address', () => {
    for (let count = 0; count < 10; count += 1) failures.note(`2001:db8:1:2::${count.toString(16)}`);
    expect(failures.refusedMs('2001:db8:1:2:3:4:5:6')).toBeGreaterThan(0);
    expect(failures.refusedMs('2001:db8:1:3::1')).toBe(0);
    for (let count = 0; count < 10; count += 1) failures.note('::1');
    expect(failures.refusedMs('::2')).toBeGreaterThan(0);
  });

  it('remembers so many addresses and no more', () => {
    for (let count = 0; count < 10; count += 1) failures.note('first');
    for (let count = 0; count < 10_000; count += 1) failures.note(`address ${count}`);
    expect(failures.refusedMs('first')).toBe(0);
  });
});
