import { faultPoints, parseFault } from '../../base/fault-point.js';

describe('PGRING_FAULT_POINT', () => {
  it('names a place, how often it is passed before, and what happens there', () => {
    expect(parseFault('all prepared')).toEqual({ place: 'all prepared', action: 'kill', time: 1 });
    expect(parseFault('prepare sent:12')).toEqual({ place: 'prepare sent', action: 'kill', time: 12 });
    expect(parseFault('cut before roll back:2')).toEqual({ place: 'before roll back', action: 'cut', time: 2 });
    expect(parseFault('cancel prepare sent:3')).toEqual({ place: 'prepare sent', action: 'cancel', time: 3 });
    for (const place of faultPoints) expect(parseFault(place)?.place).toBe(place);
  });

  it('means nothing else', () => {
    for (const text of ['prepared:0', 'nowhere', 'cut all prepared', 'prepared:', 'cut', 'cancel cleaned', '']) {
      expect(parseFault(text)).toBeUndefined();
    }
  });
});
