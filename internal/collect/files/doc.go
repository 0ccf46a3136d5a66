// Package files takes the facts about the files of an application: which are
// open, mapped, named by its command line or unit, or were read and written
// between the samples; what each is to it; where its log goes; and what memory it
// shares with others.
//
// It reads /proc and directories, and opens no file of the application except
// package-owned settings for their checksum. Where it may, it lets the kernel tell
// afterwards what was written and closed (fanotify(7), notifications alone, which
// hold nobody up): a sample costs some microseconds for it, and where too much is
// written on the machine it gives up. What a fact is worth is not known
// here, nor what a readiness item asks for.
package files
