import ProFSCommands

ProFSCommand.runAndExit()
