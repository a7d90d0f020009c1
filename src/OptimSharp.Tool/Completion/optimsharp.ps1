# Completes command lines of optimsharp in PowerShell. Files where the program has nothing to say.
Register-ArgumentCompleter -Native -CommandName optimsharp -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $line = $commandAst.ToString().PadRight($cursorPosition).Substring(0, $cursorPosition)
    optimsharp "[suggest:$cursorPosition]" $line 2>$null | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
