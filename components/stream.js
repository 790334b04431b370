// Server-sent events by fetch, so that the token travels in a header.

const SILENCE = 75_000; // the server says ": ping" every 30 s

/** Reads events until the stream ends or stays silent. `heard(event, data, id)` for each; `beat()` after each piece. */
export async function read(body, { heard, beat, cut }) {
  let watch;
  const alive = () => {
    clearTimeout(watch);
    watch = setTimeout(cut, SILENCE);
  };
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      alive();
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replace(/\r\n/g, '\n').split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) dispatch(block, heard);
      beat();
    }
  } finally {
    clearTimeout(watch);
  }
}

function dispatch(block, heard) {
  const fields = { event: 'message', data: [], id: '' };
  for (const line of block.split('\n')) {
    const [, name, value] = /^(event|data|id): ?(.*)$/.exec(line) ?? [];
    if (name === 'data') fields.data.push(value);
    else if (name) fields[name] = value;
  }
  if (fields.data.length) heard(fields.event, JSON.parse(fields.data.join('\n')), Number(fields.id));
}
