using OptimSharp.TensorBoard;

// Logs a number that waits to be written for a day, and ends without disposing the writer.
if (args is not [var folder, var end])
    throw new ArgumentException("Use: FOLDER return | exit | exception | thread | wait");
var writer = new SummaryWriter(folder, new() { FlushInterval = TimeSpan.FromDays(1) });
writer.AddScalar("loss", 1, 1);
switch (end)
{
    case "return":
        break;
    case "exit":
        Environment.Exit(0);
        break;
    case "exception":
        throw new InvalidTimeZoneException("the data is gone");
    case "thread":
        new Thread(() => throw new InvalidTimeZoneException("the data is gone")).Start();
        Thread.Sleep(Timeout.Infinite);
        break;
    case "wait": // for a signal
        Console.WriteLine("logged");
        Thread.Sleep(Timeout.Infinite);
        break;
}
