export { fileDisk } from "./FileDisk.js"
export { FileJournal } from "./FileJournal.js"
export { type FileJournalOptions, openFileJournal } from "./openFileJournal.js"
