// Runs before the page is painted, so that a chosen theme does not flash.
"use strict";
const chosenTheme = localStorage.getItem("sotto-theme");
if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;
