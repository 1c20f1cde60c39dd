#!/usr/bin/env node
// npm links this file at installation, when nothing is built yet.
import "../dist/main.js"
