/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Report: turns lines of results into a table on the terminal, results.json, and bar charts (SVG).
 *
 * It reads from standard input, one item a line; everything else is an error:
 *	result NAME VALUE UNIT GOAL	GOAL is like >=0.95 or <18, or - for none
 *	chart FILE UNIT TITLE...	starts a chart, written to DIR/FILE.svg
 *	bar VALUE LABEL...		adds a bar to it; "bar VALUE! LABEL" marks it as ours
 *	note TEXT...			a line of small print under it
 * The charts carry no colours of the reader's page: they have a background of their own, dark where the reader
 * prefers dark.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS_MAX 64
#define TEXT_MAX 120

static const char usage[] =
	"report [-o DIR]: table, results.json and charts from result lines on standard input\n"
	"  -o DIR    where the files go (.)\n"
	"  -h        this text\n"
	"lines: result NAME VALUE UNIT GOAL | chart FILE UNIT TITLE | bar VALUE[!] LABEL | note TEXT\n";

struct result {
	char name[TEXT_MAX], unit[TEXT_MAX], goal[TEXT_MAX];
	double value;
	bool met;
};

struct bar {
	char label[TEXT_MAX];
	double value;
	bool ours;
};

struct chart {
	char file[TEXT_MAX], unit[TEXT_MAX], title[TEXT_MAX];
	char note[4][TEXT_MAX];
	unsigned notes, bars;
	struct bar bar[ITEMS_MAX];
};

static const char *directory = ".";
static struct result results[ITEMS_MAX];
static unsigned result_count;
static struct chart chart;	/* the one being read; no file: none */

/* As many digits as a reader wants: 0.97, 17.3, 824, 1653. */
static const char *number(char text[32], double v)
{
	double size = v < 0 ? -v : v;

	snprintf(text, 32, "%.*f", size < 10 ? 2 : size < 100 ? 1 : 0, v);
	return text;
}

static FILE *create(const char *name, const char *suffix)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%s", directory, name, suffix);
	f = fopen(path, "w");
	if (!f)
		fprintf(stderr, "report: cannot write %s: %s\n", path, strerror(errno));
	return f;
}

static bool close_file(FILE *f)
{
	bool good = !ferror(f);

	if (fclose(f) || !good) {
		fprintf(stderr, "report: cannot write: %s\n", strerror(errno));
		return false;
	}
	return true;
}

/* True when value meets a goal like ">=0.95", "<18" or "-". */
static bool goal_met(const char *goal, double value, bool *valid)
{
	bool equal = goal[0] && goal[1] == '=';
	char *end;
	double limit;

	*valid = true;
	if (!strcmp(goal, "-"))
		return true;
	limit = strtod(goal + 1 + equal, &end);
	*valid = (goal[0] == '<' || goal[0] == '>') && end != goal + 1 + equal && !*end;
	if (equal && value == limit)
		return true;
	return goal[0] == '<' ? value < limit : value > limit;
}

/* --- The chart -------------------------------------------------------------------------------------- */

#define WIDTH 760
#define LEFT 230	/* labels end here */
#define RIGHT 110	/* room for the value after the longest bar */
#define TOP 72
#define STEP 34
#define THICK 20

/* Text into SVG, its special characters escaped. */
static void put_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&': fputs("&amp;", f); break;
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		default: fputc(*s, f);
		}
	}
}

static void put_style(FILE *f)
{
	fputs("<style>\n"
	      "text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #24292f; }\n"
	      ".title { font-size: 17px; font-weight: 600; }\n"
	      ".small { font-size: 11px; fill: #6e7781; }\n"
	      ".value { font-weight: 600; }\n"
	      ".page { fill: #ffffff; }\n"
	      ".grid { stroke: #d8dee4; stroke-width: 1; }\n"
	      ".bar { fill: #8c959f; }\n"
	      ".ours { fill: #0969da; }\n"
	      "@media (prefers-color-scheme: dark) {\n"
	      "text { fill: #e6edf3; }\n"
	      ".small { fill: #8b949e; }\n"
	      ".page { fill: #0d1117; }\n"
	      ".grid { stroke: #30363d; }\n"
	      ".bar { fill: #6e7681; }\n"
	      ".ours { fill: #4493f8; }\n"
	      "}\n"
	      "</style>\n", f);
}

/* The distance of grid lines: 1, 2 or 5 times a power of ten, so that there are 3 to 7 of them. */
static double grid_step(double max)
{
	static const double steps[] = { 1, 2, 5 };
	double unit = 1;

	while (unit * 10 <= max)
		unit *= 10;
	while (unit > max)
		unit /= 10;
	for (double base = unit / 10;; base *= 10)
		for (unsigned i = 0; i < 3; i++)
			if (max / (base * steps[i]) <= 7)
				return base * steps[i];
}

static void put_grid(FILE *f, double max, double scale, int bottom)
{
	double step = grid_step(max);

	for (unsigned i = 0; i * step <= max * 1.0001; i++) {
		double x = LEFT + i * step * scale;
		char text[32];

		fprintf(f, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", x, TOP - 8, x, bottom);
		snprintf(text, sizeof(text), "%.10g", i * step);
		fprintf(f, "<text class=\"small\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, bottom + 15, text);
	}
}

static void put_bar(FILE *f, const struct bar *b, double scale, int y)
{
	double length = b->value * scale < 1 ? 1 : b->value * scale;
	int text_y = y + THICK / 2 + 5;
	char text[32];

	fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 10, text_y);
	put_text(f, b->label);
	fprintf(f, "</text>\n<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\"/>\n",
		b->ours ? "ours" : "bar", LEFT, y, length, THICK);
	fprintf(f, "<text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>\n", LEFT + length + 7, text_y, number(text, b->value));
}

static bool write_chart(void)
{
	int bottom = TOP + (int)chart.bars * STEP, height = bottom + 30 + 16 * (int)chart.notes;
	double max = 0, scale;
	FILE *f;

	if (!chart.file[0])
		return true;
	for (unsigned i = 0; i < chart.bars; i++)
		if (chart.bar[i].value > max)
			max = chart.bar[i].value;
	if (!(max > 0)) {
		fprintf(stderr, "report: chart %s has no bars\n", chart.file);
		return false;
	}
	scale = (WIDTH - LEFT - RIGHT) / max;
	f = create(chart.file, ".svg");
	if (!f)
		return false;
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
		WIDTH, height, WIDTH, height);
	put_text(f, chart.title);
	fputs("</title>\n", f);
	put_style(f);
	fprintf(f, "<rect class=\"page\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", WIDTH, height);
	fputs("<text class=\"title\" x=\"20\" y=\"30\">", f);
	put_text(f, chart.title);
	fprintf(f, "</text>\n<text class=\"small\" x=\"%d\" y=\"%d\">", LEFT, TOP - 16);
	put_text(f, chart.unit);
	fputs("</text>\n", f);
	put_grid(f, max, scale, bottom);
	for (unsigned i = 0; i < chart.bars; i++)
		put_bar(f, &chart.bar[i], scale, TOP + (int)i * STEP + (STEP - THICK) / 2 - 4);
	for (unsigned i = 0; i < chart.notes; i++) {
		fprintf(f, "<text class=\"small\" x=\"20\" y=\"%d\">", bottom + 36 + 16 * (int)i);
		put_text(f, chart.note[i]);
		fputs("</text>\n", f);
	}
	fputs("</svg>\n", f);
	return close_file(f);
}

/* The chart on the terminal: label, bar of characters, value. */
static void print_chart(void)
{
	double max = 0;
	char text[32];

	for (unsigned i = 0; i < chart.bars; i++)
		if (chart.bar[i].value > max)
			max = chart.bar[i].value;
	if (!(max > 0))
		return;
	printf("\n%s (%s)\n", chart.title, chart.unit);
	for (unsigned i = 0; i < chart.bars; i++) {
		int length = (int)(chart.bar[i].value / max * 40 + 0.5);

		printf("  %-30s %10s  ", chart.bar[i].label, number(text, chart.bar[i].value));
		while (length-- > 0)
			putchar(chart.bar[i].ours ? '#' : '=');
		putchar('\n');
	}
	for (unsigned i = 0; i < chart.notes; i++)
		printf("  %s\n", chart.note[i]);
}

/* --- Results ---------------------------------------------------------------------------------------- */

static bool no_goal(const struct result *r)
{
	return !strcmp(r->goal, "-");
}

static bool write_results(void)
{
	FILE *f;

	if (!result_count)
		return true;
	f = create("results", ".json");
	if (!f)
		return false;
	fputs("[\n", f);
	for (unsigned i = 0; i < result_count; i++) {
		const struct result *r = &results[i];

		fprintf(f, "  {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", ", r->name, r->value, r->unit);
		if (no_goal(r))
			fputs("\"goal\": null, ", f);
		else
			fprintf(f, "\"goal\": \"%s\", ", r->goal);
		fprintf(f, "\"met\": %s}%s\n", r->met ? "true" : "false", i + 1 < result_count ? "," : "");
	}
	fputs("]\n", f);
	return close_file(f);
}

static void print_results(void)
{
	char text[32];

	if (!result_count)
		return;
	printf("\n%-24s %12s %-14s %-10s %s\n", "result", "value", "unit", "goal", "met");
	for (unsigned i = 0; i < result_count; i++) {
		const struct result *r = &results[i];

		printf("%-24s %12s %-14s %-10s %s\n", r->name, number(text, r->value), r->unit, r->goal,
		       no_goal(r) ? "" : r->met ? "yes" : "NO");
	}
}

/* --- The input -------------------------------------------------------------------------------------- */

/* Words that end up in a file name or in JSON are plain. */
static bool plain(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_-./%<>=", *s))
			return false;
	return true;
}

static bool read_result(const char *line)
{
	struct result *r = &results[result_count];
	bool valid;

	if (result_count == ITEMS_MAX || sscanf(line, "%119s %lf %119s %119s", r->name, &r->value, r->unit, r->goal) != 4)
		return false;
	r->met = goal_met(r->goal, r->value, &valid);
	if (!valid || !isfinite(r->value) || !plain(r->name) || !plain(r->unit))
		return false;
	result_count++;
	return true;
}

static bool read_bar(const char *line)
{
	struct bar *b = &chart.bar[chart.bars];
	char *end;

	if (!chart.file[0] || chart.bars == ITEMS_MAX)
		return false;
	b->value = strtod(line, &end);
	b->ours = *end == '!';
	end += b->ours;
	if (end == line || !isspace((unsigned char)*end) || !(b->value >= 0 && b->value < 1e15))
		return false;
	snprintf(b->label, sizeof(b->label), "%s", end + 1);
	chart.bars++;
	return true;
}

static bool finish_chart(void)
{
	bool good = write_chart();

	print_chart();
	memset(&chart, 0, sizeof(chart));
	return good;
}

static bool read_chart(const char *line)
{
	int title = 0;

	if (!finish_chart())
		return false;
	if (sscanf(line, "%119s %119s %n", chart.file, chart.unit, &title) != 2 || !title)
		return false;
	if (!plain(chart.file) || strchr(chart.file, '/'))
		return false;
	snprintf(chart.title, sizeof(chart.title), "%s", line + title);
	return true;
}

static bool read_note(const char *line)
{
	if (!chart.file[0] || chart.notes == 4)
		return false;
	snprintf(chart.note[chart.notes++], TEXT_MAX, "%s", line);
	return true;
}

static bool read_line(const char *line)
{
	static const struct {
		const char *word;
		bool (*read)(const char *line);
	} words[] = { { "result ", read_result }, { "chart ", read_chart }, { "bar ", read_bar }, { "note ", read_note } };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(line, words[i].word, strlen(words[i].word)))
			return words[i].read(line + strlen(words[i].word));
	return !*line;
}

int main(int argc, char **argv)
{
	char line[512];
	bool good;
	int c;

	while ((c = getopt(argc, argv, "o:h")) != -1) {
		if (c == 'o') {
			directory = optarg;
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!read_line(line)) {
			fprintf(stderr, "report: cannot use this line: %s\n", line);
			return 1;
		}
	}
	good = finish_chart();
	print_results();
	return good && write_results() ? 0 : 1;
}
