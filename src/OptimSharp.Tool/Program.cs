using OptimSharp.Tool;

return Tool.Run(args, Screen.OfConsole());
