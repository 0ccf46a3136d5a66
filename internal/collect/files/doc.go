// Package files takes the facts about the files of an application: which are
// open, mapped, named by its command line or unit, or were read and written
// between the samples; what each is to it; where its log goes; and what memory it
// shares with others.
//
// It reads /proc and directories, and opens no file of the application except
// package-owned settings for their checksum. What a fact is worth is not known
// here, nor what a readiness item asks for.
package files
