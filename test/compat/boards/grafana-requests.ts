/** What Grafana asks a Prometheus data source for, in the order in which people make it ask. */

interface GrafanaRequest {
  readonly when: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly form: Readonly<Record<string, string>>;
}

/** An answer without what differs from one moment or program to another. */
export interface GrafanaAnswer {
  readonly when: string;
  readonly status: number;
  /** `application/json` or `text/plain`. */
  readonly type: string;
  /** Kinds of values by their place in the JSON, or the text. */
  readonly shape: unknown;
}

/** Sent with every request of a panel; they must do no harm. */
const HEADERS = {
  'X-Dashboard-UID': 'rollcall-host',
  'X-Panel-Id': '2',
  'X-Grafana-Org-Id': '1',
  'X-Query-Group-Id': '00000000-0000-0000-0000-000000000000',
};

/**
 * Source: grafana/grafana, packages/grafana-prometheus and pkg/promlib.
 * @param endS a time for which there are samples
 */
function requests(endS: number): readonly GrafanaRequest[] {
  const [start, end] = [String(endS - 60), String(endS)];
  const get = (when: string, path: string, form = {}): GrafanaRequest => ({
    when,
    method: 'GET',
    path,
    form,
  });
  const post = (when: string, path: string, form = {}): GrafanaRequest => ({
    when,
    method: 'POST',
    path,
    form,
  });
  return [
    post('save and test', 'query', { query: '1+1', time: '4' }),
    get('save and test: which program', 'status/buildinfo'),
    // In milliseconds, unlike everything else.
    get('start: exemplars', 'query_exemplars', { query: 'test', start: `${start}000`, end: `${end}000` }),
    get('start: rules', 'rules'),
    post('a chart', 'query_range', { query: 'node_load1', start, end, step: '15' }),
    post('a table', 'query', { query: 'up', time: end }),
    post('an empty chart', 'query_range', { query: 'nothing_of_this_name', start, end, step: '15' }),
    post('a wrong query', 'query', { query: 'rate(up)', time: end }),
    get('editor: metrics', 'label/__name__/values', { start, end, limit: '40000' }),
    get('editor: labels', 'labels', { start, end, limit: '40000' }),
    get('editor: hints', 'metadata', { limit: '40000' }),
    post('editor: labels of a metric', 'labels', { 'match[]': '{__name__="up"}', start, end }),
    get('variable', 'label/instance/values', { 'match[]': 'node_time_seconds{job=~".+"}', start, end }),
    get('variable, asked as series', 'series', { 'match[]': 'up', start, end }),
    get('list of alerts', 'alerts'),
    get('something that is not there', 'status/nothing'),
  ];
}

/** Sends all of them, one after the other. */
export async function askLikeGrafana(url: string, endS: number): Promise<readonly GrafanaAnswer[]> {
  const answers: GrafanaAnswer[] = [];
  for (const { when, method, path, form } of requests(endS)) {
    const body = new URLSearchParams(form);
    const address = `${url}/api/v1/${path}`;
    const response = await (method === 'POST'
      ? fetch(address, { method, body, headers: HEADERS })
      : fetch(`${address}?${body.toString()}`, { headers: HEADERS }));
    const text = await response.text();
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    const shape = type === 'application/json' ? shapeOf(JSON.parse(text)) : text.trim();
    answers.push({ when, status: response.status, type, shape });
  }
  return answers;
}

/** Names of types in place of values; lists as the different shapes in them. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = value.map((one) => JSON.stringify(shapeOf(one)));
    return [...new Set(shapes)].toSorted().map((text): unknown => JSON.parse(text));
  }
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, one]) => [key, shapeOf(one)] as const)
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}
