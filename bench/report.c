/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Report: turns lines of results into a table on the terminal, results.json, and bar charts (SVG).
 *
 * It reads from standard input, one item a line; everything else is an error:
 *	result NAME VALUE UNIT GOAL	GOAL is like >=0.95 or <18, or - for none
 *	chart FILE UNIT TITLE...	starts a chart, written to DIR/FILE.svg
 *	bar VALUE LABEL...		adds a bar to it; "bar VALUE! LABEL" marks it as ours
 *	figure FILE UNIT TITLE...	starts a figure of packet rates against processor clocks (figure.h)
 *	curve VALUE LABEL...		adds a curve to it, of VALUE cycles per packet; ! as for bars
 *	note TEXT...			a line of small print under a chart or figure
 * The charts carry no colours of the reader's page: they have a background of their own, dark where the reader
 * prefers dark.
 */
#include "figure.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS_MAX 256
#define TEXT_MAX SVG_TEXT

static const char usage[] =
	"report [-o DIR] [-n NAME]: table, results.json and charts from result lines on standard input\n"
	"  -o DIR    where the files go (.)\n"
	"  -n NAME   the results go to NAME.json (results)\n"
	"  -h        this text\n"
	"lines: result NAME VALUE UNIT GOAL | chart FILE UNIT TITLE | bar VALUE[!] LABEL\n"
	"       figure FILE UNIT TITLE | curve VALUE[!] LABEL | note TEXT\n";

struct result {
	char name[TEXT_MAX], unit[TEXT_MAX], goal[TEXT_MAX];
	double value;
	bool met;
};

static const char *results_name = "results";
static struct result results[ITEMS_MAX];
static unsigned result_count;
static struct chart chart;	/* the one being read; no file: none */

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

#define LEFT 230	/* labels end here */
#define RIGHT 110	/* room for the value after the longest bar */
#define TOP 72
#define STEP 34
#define THICK 20

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
	svg_text(f, b->label);
	fprintf(f, "</text>\n<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\"/>\n",
		b->ours ? "ours" : "bar", LEFT, y, length, THICK);
	fprintf(f, "<text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>\n", LEFT + length + 7, text_y, svg_number(text, b->value));
}

static bool write_chart(void)
{
	int bottom = TOP + (int)chart.bars * STEP, height = bottom + 30 + 16 * (int)chart.notes;
	double max = 0, scale;
	FILE *f;

	for (unsigned i = 0; i < chart.bars; i++)
		if (chart.bar[i].value > max)
			max = chart.bar[i].value;
	if (!(max > 0)) {
		fprintf(stderr, "report: chart %s has no bars\n", chart.file);
		return false;
	}
	scale = (SVG_WIDTH - LEFT - RIGHT) / max;
	f = svg_open(chart.file, chart.title, height);
	if (!f)
		return false;
	fprintf(f, "<text class=\"small\" x=\"%d\" y=\"%d\">", LEFT, TOP - 16);
	svg_text(f, chart.unit);
	fputs("</text>\n", f);
	put_grid(f, max, scale, bottom);
	for (unsigned i = 0; i < chart.bars; i++)
		put_bar(f, &chart.bar[i], scale, TOP + (int)i * STEP + (STEP - THICK) / 2 - 4);
	return svg_close(f, chart.note, chart.notes, bottom + 36);
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

		printf("  %-30s %10s  ", chart.bar[i].label, svg_number(text, chart.bar[i].value));
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
	f = svg_create(results_name, ".json");
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
	return svg_close_file(f);
}

static void print_results(void)
{
	char text[32];

	if (!result_count)
		return;
	printf("\n%-26s %12s %-14s %-10s %s\n", "result", "value", "unit", "goal", "met");
	for (unsigned i = 0; i < result_count; i++) {
		const struct result *r = &results[i];

		printf("%-26s %12s %-14s %-10s %s\n", r->name, svg_number(text, r->value), r->unit, r->goal,
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

	if (!chart.file[0] || chart.bars == SVG_ITEMS)
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
	bool good = !chart.file[0] || (chart.figure ? figure_write(&chart) : write_chart());

	if (chart.figure)
		printf("\nfigure %s/%s.svg: %s\n", svg_directory, chart.file, chart.title);
	else
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

static bool read_figure(const char *line)
{
	if (!read_chart(line))
		return false;
	chart.figure = true;
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
	} words[] = { { "result ", read_result }, { "chart ", read_chart }, { "bar ", read_bar }, { "figure ", read_figure },
		    { "curve ", read_bar }, { "note ", read_note } };

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

	while ((c = getopt(argc, argv, "o:n:h")) != -1) {
		if (c == 'o') {
			svg_directory = optarg;
		} else if (c == 'n') {
			results_name = optarg;
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
