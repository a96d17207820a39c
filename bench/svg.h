/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Svg: what all pictures of report.c have in common: files, text, and a style that follows the reader's preference for
 * light or dark.
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SVG_WIDTH 760
#define SVG_TEXT 120	/* longest line */
#define SVG_ITEMS 64	/* most bars or curves */

struct bar {
	char label[SVG_TEXT];
	double value;
	bool ours;
};

/* A picture: bars, or (figure) curves. */
struct chart {
	char file[SVG_TEXT], unit[SVG_TEXT], title[SVG_TEXT];
	char note[4][SVG_TEXT];
	unsigned notes, bars;
	bool figure;
	struct bar bar[SVG_ITEMS];
};

static const char *svg_directory = ".";	/* where files go */

/* As many digits as a reader wants: 0.97, 17.3, 824, 1653. */
static inline const char *svg_number(char text[32], double v)
{
	double size = v < 0 ? -v : v;

	snprintf(text, 32, "%.*f", size < 10 ? 2 : size < 100 ? 1 : 0, v);
	return text;
}

static inline FILE *svg_create(const char *name, const char *suffix)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%s", svg_directory, name, suffix);
	f = fopen(path, "w");
	if (!f)
		fprintf(stderr, "report: cannot write %s: %s\n", path, strerror(errno));
	return f;
}

static inline bool svg_close_file(FILE *f)
{
	bool good = !ferror(f);

	if (fclose(f) || !good) {
		fprintf(stderr, "report: cannot write: %s\n", strerror(errno));
		return false;
	}
	return true;
}

/* Text into SVG, its special characters escaped. */
static inline void svg_text(FILE *f, const char *s)
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

static inline void svg_style(FILE *f)
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
	      ".curve { fill: none; stroke: #8c959f; stroke-width: 1.5; }\n"
	      ".curve.ours { stroke: #0969da; stroke-width: 2.5; fill: none; }\n"
	      ".limit { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 6 4; }\n"
	      "@media (prefers-color-scheme: dark) {\n"
	      "text { fill: #e6edf3; }\n"
	      ".small { fill: #8b949e; }\n"
	      ".page { fill: #0d1117; }\n"
	      ".grid { stroke: #30363d; }\n"
	      ".bar { fill: #6e7681; }\n"
	      ".ours { fill: #4493f8; }\n"
	      ".curve { stroke: #6e7681; }\n"
	      ".curve.ours { stroke: #4493f8; fill: none; }\n"
	      "}\n"
	      "</style>\n", f);
}

/* The beginning of a picture: page and title. */
static inline FILE *svg_open(const char *name, const char *title, int height)
{
	FILE *f = svg_create(name, ".svg");

	if (!f)
		return NULL;
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
		SVG_WIDTH, height, SVG_WIDTH, height);
	svg_text(f, title);
	fputs("</title>\n", f);
	svg_style(f);
	fprintf(f, "<rect class=\"page\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", SVG_WIDTH, height);
	fputs("<text class=\"title\" x=\"20\" y=\"30\">", f);
	svg_text(f, title);
	fputs("</text>\n", f);
	return f;
}

/* The end: small print from y down, and the file is closed. */
static inline bool svg_close(FILE *f, char note[][SVG_TEXT], unsigned notes, int y)
{
	for (unsigned i = 0; i < notes; i++) {
		fprintf(f, "<text class=\"small\" x=\"20\" y=\"%d\">", y + 16 * (int)i);
		svg_text(f, note[i]);
		fputs("</text>\n", f);
	}
	fputs("</svg>\n", f);
	return svg_close_file(f);
}

#endif
