// What every page does beyond being read: copy a text, sort a table, download a figure or its data.
"use strict";
