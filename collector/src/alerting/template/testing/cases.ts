/**
 * Templates and what they give: for the labels of `CASE_LABELS` and the value of the case. A system test puts the same
 * table before promtool.
 */
export interface TemplateCase {
  readonly template: string;
  /** A number as PromQL writes it; 12.5 unless given. */
  readonly value?: string;
  /** The text, as `shorten` gives it. */
  readonly expected: string;
}

export const CASE_LABELS = { instance: 'web-1.example.org:9100', mountpoint: '/var', empty: '' } as const;

const FAILURE = '<error expanding template: …>';

/** The text of a failure without its reason, whose words are our own; any other text as it is. */
export function shorten(text: string): string {
  return text.replace(/^(<error expanding template: )[^]*>$/, '$1…>');
}

function forms(value: string, texts: readonly string[]): readonly TemplateCase[] {
  const calls = [
    '$value',
    '$value | humanize',
    'humanize1024 $value',
    '$value | humanizeDuration',
    'humanizePercentage .Value',
  ];
  return texts.map((expected, i) => ({ template: `{{ ${calls[i] ?? ''} }}`, value, expected }));
}

export const TEMPLATE_CASES: readonly TemplateCase[] = [
  ...forms('0', ['0', '0', '0', '0s', '0%']),
  ...forms('12.5', ['12.5', '12.5', '12.5', '12.5s', '1250%']),
  ...forms('59.999', ['59.999', '60', '60', '60s', '6000%']),
  ...forms('60', ['60', '60', '60', '1m 0s', '6000%']),
  ...forms('3600', ['3600', '3.6k', '3.516ki', '1h 0m 0s', '3.6e+05%']),
  ...forms('123456', ['123456', '123.5k', '120.6ki', '1d 10h 17m 36s', '1.235e+07%']),
  ...forms('999999', ['999999', '1000k', '976.6ki', '11d 13h 46m 39s', '1e+08%']),
  ...forms('1000000', ['1e+06', '1M', '976.6ki', '11d 13h 46m 40s', '1e+08%']),
  ...forms('1234567', ['1.234567e+06', '1.235M', '1.177Mi', '14d 6h 56m 7s', '1.235e+08%']),
  ...forms('12345678.9', ['1.23456789e+07', '12.35M', '11.77Mi', '142d 21h 21m 18s', '1.235e+09%']),
  ...forms('1795283558.144', ['1.795283558144e+09', '1.795G', '1.672Gi', '20778d 17h 52m 38s', '1.795e+11%']),
  ...forms('0.5', ['0.5', '500m', '0.5', '500ms', '50%']),
  ...forms('0.0001', ['0.0001', '100u', '0.0001', '100us', '0.01%']),
  ...forms('0.00001', ['1e-05', '10u', '1e-05', '10us', '0.001%']),
  ...forms('-3661.5', ['-3661.5', '-3.662k', '-3.576ki', '-1h 1m 1s', '-3.662e+05%']),
  ...forms('NaN', ['NaN', 'NaN', 'NaN', 'NaN', 'NaN%']),
  ...forms('Inf', ['+Inf', '+Inf', '+Inf', '+Inf', '+Inf%']),
  { template: 'plain text', expected: 'plain text' },
  {
    template: '{{ $labels.mountpoint }} on {{$labels.instance}}',
    expected: '/var on web-1.example.org:9100',
  },
  { template: '{{ .Labels.mountpoint }}{{ .Value }}', expected: '/var12.5' },
  { template: '[{{ $labels.missing }}]', expected: '[]' },
  { template: '{{ $labels }}', expected: 'map[__name__:v instance:web-1.example.org:9100 mountpoint:/var]' },
  { template: '{{ index $labels "mountpoint" }}', expected: '/var' },
  { template: '{{ len $labels.mountpoint }} {{ len $labels }}', expected: '4 3' },
  { template: '{{ printf "%.2f" $value }}', expected: '12.50' },
  { template: '{{ printf "%d" $value }}', expected: '%!d(float64=12.5)' },
  { template: '{{ printf "%s" $value }}', expected: '%!s(float64=12.5)' },
  {
    template:
      '{{ printf "%v|%8.1f|%-8.1f|%+.1e|%g|%q|%5s|%-5s|%05d|%x|%t|%%" $value $value $value $value 1e6 "a\\"b" "x" "y" 42 255 true }}',
    expected: '12.5|    12.5|12.5    |+1.2e+01|1e+06|"a\\"b"|    x|y    |00042|ff|true|%',
  },
  { template: '{{ printf "%s" }} {{ printf "a" 1 }}', expected: '%!s(MISSING) a%!(EXTRA int=1)' },
  { template: '{{ printf "%.3s %6.2f%%" "abcdef" 99.5 }}', expected: 'abc  99.50%' },
  { template: '{{ print 1 "a" 2 3 }}', expected: '1a2 3' },
  {
    template: '{{ print $value }} {{ print 1.0 }} {{ print 1e21 }} {{ print true }}',
    expected: '12.5 1 1e+21 true',
  },
  { template: '{{ if gt $value 1.0 }}high{{ else }}low{{ end }}', expected: 'high' },
  { template: '{{ if lt $value 1.0 }}a{{ else if lt $value 20.0 }}b{{ else }}c{{ end }}', expected: 'b' },
  { template: '{{ if gt $value 1 }}x{{ end }}', expected: FAILURE },
  { template: '{{ if eq $labels.mountpoint "/" "/var" }}yes{{ end }}', expected: 'yes' },
  { template: '{{ if and $labels.mountpoint (not $labels.missing) }}both{{ end }}', expected: 'both' },
  { template: '{{ or $labels.missing "none" }} {{ and 1 0 }}', expected: 'none 0' },
  {
    template: '{{ if ne 1 2 }}a{{ end }}{{ if le 2 2 }}b{{ end }}{{ if ge "b" "a" }}c{{ end }}',
    expected: 'abc',
  },
  {
    template:
      '{{ with $labels.mountpoint }}<{{ . }}>{{ end }}{{ with $labels.missing }}x{{ else }}-{{ end }}',
    expected: '</var>-',
  },
  {
    template: '{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}',
    expected: '__name__=v;instance=web-1.example.org:9100;mountpoint=/var;',
  },
  {
    template: '{{ range query "v" }}{{ .Labels.mountpoint }}{{ .Value }}{{ else }}none{{ end }}',
    expected: '/var12.5',
  },
  { template: '{{ range query "missing" }}x{{ else }}none{{ end }}', expected: 'none' },
  {
    template: '{{ query "v * 2" | first | value }} {{ query "v" | first | label "instance" }}',
    expected: '25 web-1.example.org:9100',
  },
  { template: '{{ query "missing" | first | value }}', expected: FAILURE },
  {
    template:
      '{{ range $i, $e := query "w" | sortByLabel "n" }}{{ if $i }}, {{ end }}{{ $e.Labels.n }}:{{ $e.Value }}{{ end }}',
    expected: 'a:2, b:1',
  },
  { template: '{{ printf "w{n=%q}" "a" | query | first | value | humanize }}', expected: '2' },
  { template: '{{ $x := 1 }}{{ $x }}{{ $x = 2 }}{{ $x }}', expected: '12' },
  { template: '{{ $x := "a" }}{{ if true }}{{ $x := "b" }}{{ $x }}{{ end }}{{ $x }}', expected: 'ba' },
  { template: 'a {{- " b " -}} c{{/* nothing */}}d', expected: 'a b cd' },
  { template: 'a\n  {{- /* gone */ -}}\n  b', expected: 'ab' },
  {
    template: '{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" $value }}{{ template "t" "x" }}',
    expected: '<12.5><x>',
  },
  {
    template: '{{ range $i, $v := query "w" }}{{ if eq $i 1 }}{{ break }}{{ end }}{{ $i }}{{ end }}',
    expected: '0',
  },
  { template: '{{ "foo bar" | title }} {{ toUpper "a" }}{{ "B" | toLower }}', expected: 'Foo Bar Ab' },
  {
    template:
      '{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripPort "[::1]:80" }} {{ stripPort "a" }}',
    expected: 'web-1.example.org web-1:9100 ::1 a',
  },
  { template: '{{ stripDomain "a.b.c" }} {{ stripDomain "10.0.0.1:90" }}', expected: 'a 10.0.0.1:90' },
  {
    template: '{{ reReplaceAll "a(.)" "x$1" "abac" }} {{ reReplaceAll "^/" "" "/var" }}',
    expected: 'xbxc var',
  },
  { template: '{{ match "b+" "abc" }} {{ match "^b" "abc" }}', expected: 'true false' },
  { template: '{{ parseDuration "1h30m" }}', expected: '5400' },
  { template: '{{ humanizeTimestamp 12.5 }}', expected: '1970-01-01 00:00:12.5 +0000 UTC' },
  { template: '{{ humanizeTimestamp 1795283558.144 }}', expected: '2026-11-21 17:52:38.144 +0000 UTC' },
  { template: '{{ humanize "1234" }} {{ humanize 2048 }} {{ "x" | humanize }}', expected: FAILURE },
  { template: '{{ humanize "1234" }} {{ humanize1024 2048 }}', expected: '1.234k 2ki' },
  { template: '{{ $value.x }}', expected: FAILURE },
  { template: '{{ .Missing }}', expected: FAILURE },
  {
    template: '{{ "a<b" | html }} {{ urlquery "a b&c" }} {{ "t" | safeHtml }}',
    expected: 'a&lt;b a+b%26c t',
  },
  { template: '{{ $externalLabels.region }} {{ $externalURL }}', expected: 'eu http://monitor.example.org' },
  {
    template:
      '{{ printf "%.0f %.0f %.0f %.1f %.1f %.2f %.2e %.3g" 0.5 1.5 2.5 0.25 0.35 2.675 1.125 12.25 }}',
    expected: '0 2 2 0.2 0.3 2.67 1.12e+00 12.2',
  },
  {
    template: '{{ printf "%.0f %.0f %.1e %.1f" 15.0 250.0 250.0 1e22 }}',
    expected: '15 250 2.5e+02 10000000000000000000000.0',
  },
  { template: '{{ args 1 "b" }}', expected: 'map[arg0:1 arg1:b]' },
];
