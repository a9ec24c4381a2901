import { Progress } from '../../cli/progress.js';

describe('the progress display', () => {
  it('is a line per event where there is no terminal', () => {
    let text = '';
    const progress = new Progress({ write: (part) => (text += part) }, ['a', 'b']);
    progress.update('a', 'running', 'starting');
    progress.update('a', 'running', 'starting');
    progress.update('a', 'done', 'ready');
    progress.close();
    expect(text).toBe('a: starting\na: ready\n');
  });

  it('redraws its lines in place on a terminal, and cuts what would wrap', () => {
    let text = '';
    const progress = new Progress({ isTTY: true, columns: 20, write: (part) => (text += part) }, ['a', 'long']);
    progress.update('a', 'done', 'ready on port 12345');
    progress.close();
    const frames = text.split('\u001B[2A');
    expect(frames).toHaveLength(2);
    const lines = (frames[1] ?? '').replaceAll('\r\u001B[K', '').split('\n');
    expect(lines).toEqual(['  ✔ a     ready on p', '  · long  waiting', '']);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(20);
  });
});
