import { describe, expect, it } from 'vitest';
import { routesSchema, unknownReceivers } from './route-config.ts';
import { Router } from './routing.ts';
import type { Target } from './target.ts';

function target(labels: Record<string, string>, severity: Target['severity'] = 'page'): Target {
  return {
    incidentId: 'i-1',
    severity,
    hostId: null,
    hostName: null,
    labels: { ...labels, action: severity },
  };
}

/** Who is told, as `receiver` or `receiver: why not`. */
function told(routes: unknown, of: Target): readonly string[] {
  return new Router(routesSchema.parse(routes), ['ops', 'chat', 'dba'])
    .routesOf(of)
    .map((route) => (route.verdict === 'send' ? route.receiver : `${route.receiver}: ${route.reason}`));
}

function problems(routes: unknown): string {
  const parsed = routesSchema.safeParse(routes);
  return parsed.success
    ? ''
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join();
}

describe('routes', () => {
  const DB = { name: 'db', match: ['team="db"'], receivers: ['dba'] };
  const NIGHT = { name: 'pages', match: ['action="page"'], receivers: ['ops', 'dba'], continue: true };

  it('send pages and tickets to all receivers when there are none, and show the rest', () => {
    expect(told([], target({}))).toEqual(['ops', 'chat', 'dba']);
    expect(told([], target({}, 'ticket'))).toEqual(['ops', 'chat', 'dba']);
    expect(told([], target({}, 'info'))[0]).toBe('ops: incidents of severity info are shown, not sent');
    expect(told([], target({}, 'capacity'))).toHaveLength(3);
  });

  it('are asked in order until one fits, and further when it says so', () => {
    expect(told([DB, NIGHT], target({ team: 'db' }))).toEqual(['dba']);
    expect(told([NIGHT, DB], target({ team: 'db' }))).toEqual(['ops', 'dba']);
    expect(told([NIGHT, DB], target({ team: 'web' }))).toEqual(['ops', 'dba']);
    expect(told([DB], target({ team: 'web' }))).toEqual(['ops', 'chat', 'dba']);
  });

  it('take pages and tickets only, unless they name other actions', () => {
    expect(told([{ ...DB, match: [] }], target({}, 'info'))[0]).toContain('shown, not sent');
    expect(told([{ ...DB, match: [], actions: ['info'] }], target({}, 'info'))).toEqual(['dba']);
  });

  it('tell how to deliver: groups by the values of labels, waits, repeats', () => {
    const config = {
      ...DB,
      'group-by': ['site', 'gone'],
      'group-wait': '30s',
      'repeat-interval': '4h',
      fallback: 'ops',
    };
    const [route] = new Router(routesSchema.parse([config]), ['ops']).routesOf(
      target({ team: 'db', site: 'b' }),
    );
    expect(route?.delivery).toEqual({
      groupKey: '["db",["site","b"],["gone",""]]',
      groupLabels: { site: 'b', gone: '' },
      groupWaitMs: 30_000,
      repeatMs: 14_400_000,
      fallback: 'ops',
    });
  });

  it('are refused with the route, the value and what is allowed', () => {
    expect(problems([{ ...DB, match: ['team'] }])).toContain(
      '0.match.0: matcher "team": must be a label name',
    );
    expect(problems([{ ...DB, match: ['a=~"("'] }])).toContain('0.match.0: error parsing regexp');
    expect(problems([{ ...DB, receivers: [] }])).toContain('must name at least one receiver');
    expect(problems([{ ...DB, 'group-wait': 'soon' }])).toContain('must be a span from 0s to 1h');
    expect(problems([{ ...DB, actions: ['scream'] }])).toContain('must be page, ticket, info or capacity');
    expect(problems([DB, DB])).toContain('must not use a name twice');
    expect(problems([{ ...DB, reciever: 'x' }])).toContain('reciever');
    expect(problems('all')).toContain('must be a list of routes');
    const [problem] = unknownReceivers(routesSchema.parse([{ ...DB, fallback: 'nobody' }]), new Set(['dba']));
    expect(problem).toBe(
      'routes: route "db" names the receiver "nobody", which is not among receivers (dba)',
    );
  });
});
