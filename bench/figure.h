/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figure: packets per second against the clock of the processor, one curve for each way of sending: the figure of netmap's
 * first publication, by calculation from instructions per packet.
 *
 * Both axes are logarithmic, so that 20 kpps and 20 Mpps can both be read off; a curve then is a straight line, and the
 * distance between two is the ratio of their costs, at any clock. The dashed line is what 10 Gbit/s Ethernet can carry.
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include "svg.h"

#include <math.h>
#include <stdlib.h>

#define FIGURE_LEFT 60
#define FIGURE_RIGHT 250	/* room for labels at the curves' ends */
#define FIGURE_TOP 62
#define FIGURE_HEIGHT 430
#define FIGURE_CLOCK_MIN 150.0	/* MHz */
#define FIGURE_CLOCK_MAX 3000.0
#define FIGURE_LINE_RATE 14.88	/* Mpps: frames of 60 bytes and checksum at 10 Gbit/s */
#define FIGURE_LABEL 15		/* height of a label */

struct figure_scale {
	double low, high;	/* Mpps, powers of ten */
};

static inline double figure_x(double mhz)
{
	return FIGURE_LEFT + (SVG_WIDTH - FIGURE_LEFT - FIGURE_RIGHT) * log(mhz / FIGURE_CLOCK_MIN) /
	       log(FIGURE_CLOCK_MAX / FIGURE_CLOCK_MIN);
}

static inline double figure_y(const struct figure_scale *s, double mpps)
{
	return FIGURE_TOP + FIGURE_HEIGHT * log(s->high / mpps) / log(s->high / s->low);
}

static inline void figure_line(FILE *f, const char *class, double x1, double y1, double x2, double y2)
{
	fprintf(f, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2);
}

static inline void figure_grid(FILE *f, const struct figure_scale *s)
{
	static const double clocks[] = { 150, 300, 450, 600, 900, 1200, 1500, 2000, 3000 };
	static const double steps[] = { 1, 2, 5 };
	double left = figure_x(FIGURE_CLOCK_MIN), right = figure_x(FIGURE_CLOCK_MAX);
	double top = figure_y(s, s->high), bottom = figure_y(s, s->low);

	for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		double x = figure_x(clocks[i]);

		figure_line(f, "grid", x, top, x, bottom);
		fprintf(f, "<text class=\"small\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n", x, bottom + 15, clocks[i]);
	}
	for (double decade = s->low; decade < s->high * 1.001; decade *= 10) {
		for (unsigned i = 0; i < 3; i++) {
			double mpps = decade * steps[i], y = figure_y(s, mpps);

			if (mpps > s->high * 1.001)
				break;
			figure_line(f, "grid", left, y, right, y);
			fprintf(f, "<text class=\"small\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", left - 6, y + 4, mpps);
		}
	}
	fprintf(f, "<text class=\"small\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">clock, MHz</text>\n",
		(left + right) / 2, bottom + 32);
}

static inline int figure_compare(const void *a, const void *b)
{
	const struct bar *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* Curves from the cheapest down: a label is moved down where it would cover the one before. */
static inline void figure_curves(FILE *f, const struct figure_scale *s, const struct chart *c)
{
	double right = figure_x(FIGURE_CLOCK_MAX), free_y = 0;
	char text[32];

	for (unsigned i = 0; i < c->bars; i++) {
		const struct bar *b = &c->bar[i];
		double y = figure_y(s, FIGURE_CLOCK_MAX / b->value), label = y > free_y ? y : free_y;

		figure_line(f, b->ours ? "curve ours" : "curve", figure_x(FIGURE_CLOCK_MIN), figure_y(s, FIGURE_CLOCK_MIN / b->value),
			    right, y);
		figure_line(f, "grid", right + 2, y, right + 14, label);
		fprintf(f, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s  ", b->ours ? "value" : "", right + 18, label + 4,
			svg_number(text, b->value));
		svg_text(f, b->label);
		fputs("</text>\n", f);
		free_y = label + FIGURE_LABEL;
	}
}

/* The values of the chart's bars are cycles per packet. They are sorted. */
static inline bool figure_write(struct chart *c)
{
	struct figure_scale s = { .low = 1, .high = FIGURE_LINE_RATE };
	double line;
	FILE *f;

	qsort(c->bar, c->bars, sizeof(c->bar[0]), figure_compare);
	if (!c->bars || !(c->bar[0].value > 0)) {
		fprintf(stderr, "report: figure %s has no curves, or one of zero\n", c->file);
		return false;
	}
	if (FIGURE_CLOCK_MAX / c->bar[0].value > s.high)
		s.high = FIGURE_CLOCK_MAX / c->bar[0].value;
	s.high = pow(10, ceil(log10(s.high)));
	s.low = pow(10, floor(log10(FIGURE_CLOCK_MIN / c->bar[c->bars - 1].value)));
	f = svg_open(c->file, c->title, FIGURE_TOP + FIGURE_HEIGHT + 55 + 16 * (int)c->notes);
	if (!f)
		return false;
	fprintf(f, "<text class=\"small\" x=\"20\" y=\"%d\">", FIGURE_TOP - 14);
	svg_text(f, c->unit);
	fputs("</text>\n", f);
	figure_grid(f, &s);
	line = figure_y(&s, FIGURE_LINE_RATE);
	figure_line(f, "limit", figure_x(FIGURE_CLOCK_MIN), line, figure_x(FIGURE_CLOCK_MAX), line);
	fprintf(f, "<text class=\"small\" x=\"%.1f\" y=\"%.1f\">14.88 Mpps: 10 Gbit/s</text>\n", figure_x(FIGURE_CLOCK_MIN) + 6,
		line - 5);
	figure_curves(f, &s, c);
	return svg_close(f, c->note, c->notes, FIGURE_TOP + FIGURE_HEIGHT + 55);
}

#endif
